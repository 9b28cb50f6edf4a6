"""What attention and neurons of an SGMT do while it reads one clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snn_mm.callbacks.recording.firing_rate import FUSION
from snn_mm.contracts import Batch
from snn_mm.modules.sentiment.absence import network_arguments
from snn_mm.modules.sgmt import SGMT, SingleModalNetwork, SpikingLayer
from snn_mm.modules.sgmt.spike_generated_attention import SpikeGeneratedAttention
from snn_mm.neurons import spiking_layers

NEURONS = ("source", "context", "attended")
"""Parts of a spiking layer that hold neurons, in the order in which they fire."""


class LayerRecord(NamedTuple):
    """One spiking layer over the valid steps of a clip.

    Attributes:
        attention: `[H, T, S]`; rows sum to one.
        spikes: `[T, D]`, or `[S, D]` of a context, by name of the neurons; none in an ANN.
    """

    attention: Tensor
    spikes: dict[str, Tensor]


class PartRecord(NamedTuple):
    """A single-modal network or the fusion network over a clip; layers from first to last."""

    name: str
    layers: list[LayerRecord]


class Stack(NamedTuple):
    """Layers one after the other.

    Attributes:
        queries: names of the single-modal networks whose steps attend; all of them in the fusion.
        keys: names of those that are attended to.
    """

    name: str
    layers: Sequence[SpikingLayer]
    queries: str
    keys: str


def record_clip(network: SGMT, clip: Batch) -> list[PartRecord]:
    """Run a network over one clip and keep attention and spikes of every layer that ran.

    Parts that read a modality which the clip lacks did not: they are left out.

    Args:
        network: in evaluation mode; left as it was.
        clip: a batch of one sample.
    """
    with torch.no_grad(), recording(network) as (lengths, spikes):
        x, steps, present = clip["inputs"], clip["lengths"], clip.get("present")
        network(*network_arguments(x, steps, present, network.feature_dims))
        return [
            PartRecord(
                stack.name,
                [
                    record_layer(layer, lengths[stack.queries], lengths[stack.keys], spikes)
                    for layer in stack.layers
                ],
            )
            for stack in stacks(network)
            if {stack.queries, stack.keys} <= lengths.keys()
        ]


def record_layer(
    layer: SpikingLayer, steps: int, keys: int, spikes: dict[nn.Module, Tensor]
) -> LayerRecord:
    """What a layer did in the last call, cut to the valid steps of queries and keys."""
    attention = layer.attention.attention
    if attention is None:
        raise RuntimeError("attention was not recorded")
    fired = {}
    for name in NEURONS:
        neurons = getattr(getattr(layer, name), "neurons", None)
        if neurons in spikes:
            fired[name] = spikes[neurons][: keys if name == "context" else steps, 0]  # [T, D]
    return LayerRecord(attention[0, :, :steps, :keys].cpu(), fired)


def stacks(network: SGMT) -> list[Stack]:
    """The single-modal networks and the fusion network; one for each pair that is merged so."""
    alone = []
    for name, encoder in network.encoders.items():
        own = cast("SingleModalNetwork", encoder).layers
        alone.append(Stack(name, cast("list[SpikingLayer]", list(own)), name, name))
    fusion, layers = network.fusion, cast("list[SpikingLayer]", list(network.fusion.layers))
    if not fusion.pairs:
        return [*alone, Stack(FUSION, layers, FUSION, FUSION)]
    paired = [
        Stack(
            f"{FUSION}, {own} to {other}",
            layers[i * fusion.depth : (i + 1) * fusion.depth],
            own,
            other,
        )
        for i, (own, other) in enumerate(fusion.pairs)
    ]
    return [*alone, *paired]


@contextmanager
def recording(network: SGMT) -> Iterator[tuple[dict[str, int], dict[nn.Module, Tensor]]]:
    """Keep what a network does: valid steps of its parts, and spikes `[T, N, D]` by neurons."""
    lengths: dict[str, int] = {}
    spikes: dict[nn.Module, Tensor] = {}
    attentions = [m for m in network.modules() if isinstance(m, SpikeGeneratedAttention)]
    hooks: list[RemovableHandle] = []
    for name, part in [*network.encoders.items(), (FUSION, network.fusion)]:
        hooks.append(part.register_forward_hook(_length_hook(name, lengths)))
    neurons = (layer for _, layer in spiking_layers(network))
    hooks += [layer.register_forward_hook(_spike_hook(spikes)) for layer in neurons]
    for attention in attentions:
        attention.record = True
    try:
        yield lengths, spikes
    finally:
        for hook in hooks:
            hook.remove()
        for attention in attentions:
            attention.record, attention.attention = False, None


def _length_hook(name: str, lengths: dict[str, int]) -> Callable[..., None]:
    def keep(part: nn.Module, inputs: Any, output: Any) -> None:
        sequence = output[0] if isinstance(output, list) else output
        lengths[name] = int(sequence.lengths[0])

    return keep


def _spike_hook(spikes: dict[nn.Module, Tensor]) -> Callable[..., None]:
    def keep(neurons: nn.Module, inputs: Any, output: Tensor) -> None:
        spikes[neurons] = output.detach().cpu()

    return keep
