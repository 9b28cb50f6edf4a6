"""A linear layer whose outputs are spikes: what brings features of one width to another."""

from __future__ import annotations

from torch import Tensor, nn

from snn_mm.neurons.normed import normed_spikes
from snn_mm.neurons.presets import TAAFLIF, NeuronFactory


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
