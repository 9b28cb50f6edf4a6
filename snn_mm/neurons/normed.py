"""Batch norm in front of neurons, or max-pool behind them: one pass over memory where possible.

Whatever looks at what lies between the two, or needs torch's own operations, gets the two one after
the other. Hooks on neurons see their spikes all the same.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from snn_mm.neurons import fused_norm, fused_pool
from snn_mm.neurons.lif import LIF
from snn_mm.neurons.packed_spikes import packing
from snn_mm.neurons.presets import TAAFLIF, NeuronFactory
from snn_mm.neurons.spiking import is_heard


def normed_spikes(norm: nn.Module, neuron: nn.Module, x: Tensor) -> Tensor:
    """Output `[T, N, C, ...]` of neurons behind a batch norm over time and batch.

    Args:
        norm: torch's batch norm, or spikingjelly's in its multi-step mode.
        neuron: spiking or not.
        x: input of the norm `[T, N, C, ...]`.
    """
    if isinstance(neuron, LIF) and neuron.takes_norm() and fused_norm.fits_norm(norm, x):
        return cast("Tensor", neuron(x, norm))
    if getattr(norm, "step_mode", "s") == "m":
        return cast("Tensor", neuron(norm(x)))
    normalised: Tensor = norm(x.flatten(0, 1))  # [T*N, C, ...]
    return cast("Tensor", neuron(normalised.view(x.shape)))


def pooled_spikes(neurons: nn.Module, pool: nn.Module, x: Tensor) -> Tensor:
    """What a max-pool `[T, N, C, H', W']` makes of the output of neurons.

    Args:
        neurons: spiking or not; or a `SpikingSequential` that ends with them.
        pool: spikingjelly's max-pool in its multi-step mode.
        x: input of the neurons `[T, N, C, H, W]`.
    """
    if type(neurons) is SpikingSequential and not is_heard(neurons):
        return neurons.pooled(pool, x)
    if _takes_pool(neurons, pool, x):
        return cast("Tensor", neurons(x, pool=pool))
    return cast("Tensor", pool(neurons(x)))


def _takes_pool(neurons: nn.Module, pool: nn.Module, x: Tensor) -> bool:
    plain = isinstance(neurons, LIF) and neurons.takes_pool() and not is_heard(pool)
    return plain and fused_pool.fits_pool(pool, x)


class SpikingSequential(nn.Sequential):
    """Layers in their order, over `[T, N, ...]`; a batch norm and the neurons behind it as one.

    Convolutions and linear layers keep what they are given of 16-bit spikes as bits.
    """

    def forward(self, x: Tensor) -> Tensor:
        """What the last layer makes of `[T, N, ...]`."""
        return _through(list(self), x)

    def pooled(self, pool: nn.Module, x: Tensor) -> Tensor:
        """The same behind a max-pool, of maps `[T, N, C, H, W]`.

        Neurons run in one pass with the pool rather than with the norm: that saves more.
        """
        *layers, last = self
        norm = layers[-1] if layers and isinstance(layers[-1], fused_norm.NORMS) else None
        before = _through(layers[:-1] if norm else layers, x)
        if norm is None:
            return pooled_spikes(last, pool, before)
        if fused_norm.fits_norm(norm, before) and not _takes_pool(last, pool, before):
            return cast("Tensor", pool(normed_spikes(norm, last, before)))
        return pooled_spikes(last, pool, norm(before))


class SpikingProjection(nn.Module):
    """Linear layer, batch norm over time and batch, neurons: `[T, N, D']` to `[T, N, D]`."""

    def __init__(self, in_features: int, width: int, neuron: NeuronFactory = TAAFLIF) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.neuron = neuron()

    def forward(self, features: Tensor) -> Tensor:
        """Spikes `[T, N, D]` of features `[T, N, D']`."""
        flat = self.linear(features.flatten(0, 1))  # [T*N, D]
        return normed_spikes(self.norm, self.neuron, flat.view(*features.shape[:2], -1))


def _through(layers: list[nn.Module], x: Tensor) -> Tensor:
    layers = layers.copy()
    while layers:
        first = layers.pop(0)
        if layers and isinstance(first, fused_norm.NORMS) and isinstance(layers[0], LIF):
            x = normed_spikes(first, layers.pop(0), x)
        else:
            x = packing(first, x)
    return x
