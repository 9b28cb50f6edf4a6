"""Batch norm in front of neurons: as one pass over memory where that is possible.

Hooks on the neurons see their spikes all the same. Whatever looks at what lies between the two, or
needs torch's own operations, gets the two one after the other.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from snn_mm.neurons import fused_norm
from snn_mm.neurons.lif import LIF


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


class SpikingSequential(nn.Sequential):
    """Layers in their order, over `[T, N, ...]`; a batch norm and the neurons behind it as one."""

    def forward(self, x: Tensor) -> Tensor:
        """What the last layer makes of `[T, N, ...]`."""
        layers = list(self)
        while layers:
            first = layers.pop(0)
            if layers and isinstance(first, fused_norm.NORMS) and isinstance(layers[0], LIF):
                x = normed_spikes(first, layers.pop(0), x)
            else:
                x = first(x)
        return x
