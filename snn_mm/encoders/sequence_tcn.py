"""A temporal-convolutional spiking network for feature sequences of any length; its ANN twin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.nn.functional import pad

from snn_mm.encoders.sequence import SequenceEncoder
from snn_mm.errors import UserError, check_range
from snn_mm.neurons import IEMFLIF, NeuronFactory, normed_spikes


class SequenceTCN(SequenceEncoder):
    """Layers of convolution over time, batch norm and neurons, each with twice the dilation.

    A layer that keeps the width adds what came in to the current of its neurons (Bai et al.,
    "An empirical evaluation of generic convolutional and recurrent networks for sequence modeling",
    2018, whose residual blocks hold two convolutions each).

    Args:
        in_features: D of the sequence.
        neuron: makes a neuron layer; `torch.nn.ReLU` gives the ANN twin.
        hidden: neurons of each layer but the last.
        feature_dim: D of the features, the neurons of the last layer.
        kernel_size: steps that a neuron sees of the layer before, an odd number.
        causal: whether those are the last ones; otherwise they lie around its own.
        dropout: share of the inputs of each layer but the first that training leaves out, the same
            at all time steps.
        options: those of `SequenceEncoder`.
    """

    def __init__(
        self,
        in_features: int,
        neuron: NeuronFactory = IEMFLIF,
        time_steps: int = 4,
        hidden: Sequence[int] = (128,),
        feature_dim: int = 128,
        kernel_size: int = 3,
        causal: bool = False,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(in_features, time_steps, **options)
        check_range("SequenceTCN: dropout", dropout, 0, 1)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UserError(f"SequenceTCN: kernel_size must be odd and positive, not {kernel_size}")
        self.feature_dim = feature_dim
        self.dropout = layer.Dropout(dropout, step_mode="m")
        self.layers = nn.ModuleList(
            TemporalConvolution(inputs, outputs, neuron, kernel_size, 2**depth, causal)
            for depth, (inputs, outputs) in enumerate(
                pairwise([self.in_width, *hidden, feature_dim])
            )
        )

    def body(self, signal: Tensor) -> Tensor:
        """Features `[S, N, D]` of a signal `[S, N, D']`."""
        first, *others = self.layers
        signal = first(signal)
        for convolution in others:
            signal = convolution(self.dropout(signal))
        return signal


class TemporalConvolution(nn.Module):
    """Convolution over time, batch norm over time and batch, neurons; a sum past them if it fits.

    Args:
        inputs: D of the input.
        outputs: number of neurons.
        neuron: makes the neurons.
        kernel_size: taps over time.
        dilation: steps between them.
        causal: whether the last of them is the step itself.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        neuron: NeuronFactory,
        kernel_size: int,
        dilation: int,
        causal: bool,
    ) -> None:
        super().__init__()
        reach = (kernel_size - 1) * dilation
        self.around = (reach, 0) if causal else (reach // 2, reach // 2)
        self.conv = nn.Conv1d(inputs, outputs, kernel_size, dilation=dilation, bias=False)
        self.norm = layer.BatchNorm1d(outputs, step_mode="m")
        self.neuron = neuron()
        self.residual = dilation > 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """From `[S, N, D']` to `[S, N, D]`."""
        steps = pad(x.permute(1, 2, 0), self.around)  # [N, D', S + reach]
        current = self.conv(steps).permute(2, 0, 1).contiguous()  # [S, N, D]
        if not self.residual:
            return normed_spikes(self.norm, self.neuron, current)
        spikes: Tensor = self.neuron(self.norm(current) + x)
        return spikes
