"""A recurrent spiking network for feature sequences of any length, and its ANN twin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from spikingjelly.activation_based import layer
from torch import Tensor, nn

from snn_mm.encoders.recurrent import RecurrentLayer
from snn_mm.encoders.sequence import SequenceEncoder
from snn_mm.errors import check_range
from snn_mm.neurons import TAAFLIF, NeuronFactory


class SequenceRNN(SequenceEncoder):
    """Layers of neurons with lateral weights, over the steps of a sequence.

    Each layer is that of `RecurrentNet`: a linear layer, batch norm over time and batch, and
    neurons that hear each other's spikes one step later.

    Args:
        in_features: D of the sequence.
        neuron: makes a neuron layer; `torch.nn.ReLU` gives an ordinary recurrent network.
        hidden: neurons of each layer but the last.
        feature_dim: D of the features, the neurons of the last layer.
        dropout: share of the inputs of each layer but the first that training leaves out, the same
            at all time steps.
        options: those of `SequenceEncoder`.
    """

    def __init__(
        self,
        in_features: int,
        neuron: NeuronFactory = TAAFLIF,
        time_steps: int = 4,
        hidden: Sequence[int] = (128,),
        feature_dim: int = 128,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(in_features, time_steps, **options)
        check_range("SequenceRNN: dropout", dropout, 0, 1)
        self.feature_dim = feature_dim
        self.dropout = layer.Dropout(dropout, step_mode="m")
        self.layers = nn.ModuleList(
            RecurrentLayer(inputs, outputs, neuron)
            for inputs, outputs in pairwise([self.in_width, *hidden, feature_dim])
        )

    def body(self, signal: Tensor) -> Tensor:
        """Features `[S, N, D]` of a signal `[S, N, D']`."""
        first, *others = self.layers
        signal = first(signal)
        for recurrent in others:
            signal = recurrent(self.dropout(signal))
        return signal
