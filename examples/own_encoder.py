"""An encoder of one's own: one spiking layer. Run it with own_encoder.yaml."""

from __future__ import annotations

from torch import Tensor, nn

from snn_mm.encoders import Encoder
from snn_mm.neurons import IEMFLIF, NeuronFactory


class OneLayer(Encoder):
    """One spiking layer on a flattened static input; its ANN twin has ReLU and one time step.

    Args:
        in_features: C H W of the input.
        feature_dim: D.
        neuron: makes the neurons; a config may name any of `snnmm list neurons`, or ReLU.
        time_steps: T; 1 for the ANN twin.
    """

    def __init__(
        self,
        in_features: int,
        feature_dim: int = 64,
        neuron: NeuronFactory = IEMFLIF,
        time_steps: int = 4,
    ) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = feature_dim, time_steps
        self.linear, self.neuron = nn.Linear(in_features, feature_dim), neuron()

    def forward(self, x: Tensor) -> Tensor:
        """Features `[T, N, D]` of an input `[N, C, H, W]`."""
        current = self.linear(x.flatten(1))  # [N, D], computed once for all steps
        spikes: Tensor = self.neuron(current.expand(self.time_steps, *current.shape))
        return spikes  # [T, N, D]
