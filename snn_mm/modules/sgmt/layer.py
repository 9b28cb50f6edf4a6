"""The basic layer of SGMT (Eqs 3-7): spike-generated attention and a spiking feed-forward part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.modules.sgmt.spike_generated_attention import SpikeGeneratedAttention
from snn_mm.neurons import SGMTLIF, NeuronFactory, is_spiking
from snn_mm.neurons.connected_lif import ConnectedLIF, fire
from snn_mm.neurons.lif import LIF
from snn_mm.sequences import Sequence

NEURONS_PER_LAYER = 3
"""Of the source, of a context, and of what was attended."""


@dataclass(frozen=True)
class LayerOptions:
    """What all layers of an SGMT have in common.

    Attributes:
        heads: attention heads; the width of each is that of the layer divided by them.
        scale_1: factor of every normalised current (Eq. 3).
        neuron: makes a neuron layer; `torch.nn.ReLU` is the ANN twin.
        rate_momentum: of the running firing rate that stands in scale_2 in evaluation.
        rate_floor: least firing rate in scale_2, which would be 0 in a silent layer.
    """

    heads: int = 8
    scale_1: float = 0.5
    neuron: NeuronFactory = SGMTLIF
    rate_momentum: float = 0.999
    rate_floor: float = 1e-3

    def __post_init__(self) -> None:
        if not self.scale_1 > 0 or self.heads < 1:
            raise UserError(
                f"model: scale_1 > 0 and heads >= 1; got scale_1={self.scale_1}, heads={self.heads}"
            )


@dataclass(frozen=True)
class Connection:
    """The fixed random connection that turns LIF into LIF' in the fusion network.

    Attributes:
        strength: factor of the connection matrix ω; 0 leaves an ordinary LIF.
        seed: of ω; layers of one network count on from it.
        normalised: whether ω is divided by the root of its width, as Nicola & Clopath do.
    """

    strength: float = 0.01
    seed: int = 0
    normalised: bool = False


class Slots(NamedTuple):
    """Which features of a merged sequence are of modalities that its sample has.

    Attributes:
        there: `[N, D]` in bool.
        renormalised: whether a layer norm takes its statistics of these features alone, not of the
            zeros in place of the others too.
    """

    there: Tensor
    renormalised: bool

    def norm(self, x: Tensor, norm: nn.LayerNorm) -> Tensor:
        """What a layer norm makes of `[T, N, D]`, zero where nothing is there."""
        there, whole = self.there.to(x.dtype), norm(x)
        if not self.renormalised:
            return whole * there  # type: ignore[no-any-return]
        counts = there.sum(dim=-1, keepdim=True)  # [N, 1]
        centred = (x - (x * there).sum(dim=-1, keepdim=True) / counts) * there
        variance = centred.square().sum(dim=-1, keepdim=True) / counts  # [T, N, 1]
        part = (centred * (variance + norm.eps).rsqrt() * norm.weight + norm.bias) * there
        return torch.where(self.there.all(dim=-1, keepdim=True), whole, part)


class NormalisedNeurons(nn.Module):
    """scale_1 · LN(x), and the spikes of it (Eq. 3).

    Args:
        width: D.
        options: of the layer.
        connection: neurons are LIF' with it, LIF without.
    """

    def __init__(self, width: int, options: LayerOptions, connection: Connection | None) -> None:
        super().__init__()
        self.scale_1 = options.scale_1
        self.norm = nn.LayerNorm(width)
        self.neurons = make_neurons(width, options.neuron, connection)

    def forward(self, sequence: Sequence, slots: Slots | None = None) -> tuple[Tensor, Tensor]:
        """Normalised current and spikes `[T, N, D]` of `[T, N, D]`, zero in the padding.

        Args:
            sequence: what the neurons read.
            slots: where features are of absent modalities, whose neurons get no current.
        """
        x = sequence.x
        normed = self.norm(x) if slots is None else slots.norm(x, self.norm)
        current, valid = sequence.with_values(normed, self.scale_1)
        if isinstance(self.neurons, LIF):
            self.neurons.valid = valid  # monitors count what could have fired
        return current, fire(self.neurons, current, valid)


def connections(connection: Connection | None) -> list[Connection | None]:
    """A connection for each neuron layer of a spiking layer, with a matrix of its own."""
    if connection is None:
        return [None] * NEURONS_PER_LAYER
    seeds = range(connection.seed, connection.seed + NEURONS_PER_LAYER)
    return [replace(connection, seed=seed) for seed in seeds]


def make_neurons(width: int, neuron: NeuronFactory, connection: Connection | None) -> nn.Module:
    """LIF, or LIF' with a connection; an activation without membrane is never connected."""
    layer = neuron()
    if connection is None or not isinstance(layer, LIF):
        return layer
    return ConnectedLIF(
        width,
        neuron,  # type: ignore[arg-type]  # it just made a LIF
        connection.strength,
        connection.seed,
        connection.normalised,
    )


class SpikingLayer(nn.Module):
    """(C)MHSGSA and a spiking feed-forward network with residual connection (Eqs 3-7).

    X_norm = s1 LN(X), X_spike = LIF(X_norm), Y = MHSGSA(X_spike), Y_norm = s1 LN(Y),
    R_norm = s1 LN(linear(LIF(Y_norm))), R = R_norm + X_norm + Y_norm. The residual branches carry
    the normalised currents, never X itself. Sequence steps are the time steps of the neurons.
    With another sequence as context, queries come from X and keys and values from the context.

    Args:
        width: D.
        options: of all layers.
        connection: neurons are LIF' with it, LIF without.
        cross: whether the layer has a context to attend to.
    """

    def __init__(
        self,
        width: int,
        options: LayerOptions,
        connection: Connection | None = None,
        cross: bool = False,
    ) -> None:
        super().__init__()
        own = connections(connection)
        self.source = NormalisedNeurons(width, options, own[0])
        self.context = NormalisedNeurons(width, options, own[1]) if cross else None
        self.attention = SpikeGeneratedAttention(
            width,
            options.heads,
            key_width=width if cross else None,
            momentum=options.rate_momentum,
            rate_floor=options.rate_floor,
            # A ReLU has no firing rate that the theorem could speak of.
            scale="theorem" if is_spiking(self.source) else "sqrt_d",
        )
        self.attended = NormalisedNeurons(width, options, own[2])
        self.linear = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        sequence: Sequence,
        context: Sequence | None = None,
        slots: Slots | None = None,
        lacking: bool = False,
    ) -> Sequence:
        """Output R `[T, N, D]` of `[T, N, D]`, zero in the padding.

        Args:
            sequence: X.
            context: another sequence, in the cross form.
            slots: where features of X are of absent modalities.
            lacking: whether the context of some sample has no valid step. Then there is nothing to
                attend to, and R is X_norm alone.
        """
        x_norm, spikes = self.source(sequence, slots)
        answered = sequence
        if self.context is not None and context is not None:
            _, context_spikes = self.context(context)
            y = self.attention(spikes, sequence.valid, context_spikes, context.valid)
            if lacking:
                answered = sequence._replace(valid=sequence.valid & context.valid.any(dim=0))
        else:
            y = self.attention(spikes, sequence.valid)
        y_norm, y_spikes = self.attended(answered._replace(x=y))
        r_norm = answered.with_values(self.norm(self.linear(y_spikes)), self.attended.scale_1).x
        return sequence._replace(x=r_norm + x_norm + y_norm)
