"""A small recurrent spiking network for spectrograms: time in the input is time in the network."""

from __future__ import annotations

from itertools import pairwise

import torch
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.neurons import TAAFLIF, NeuronFactory


class RecurrentNet(Encoder):
    """Layers of neurons with lateral weights, over the columns of a spectrogram.

    The spectrogram is cut into T pieces, one a time step; where the frames do not divide, it is
    averaged down to the next number that does. A layer's neurons get W s(t) + R y(t - 1), y their
    own spikes of the step before (spikingjelly's LinearRecurrentContainer), after batch norm over
    time and batch. TAAF names a recurrent SNN for the audio of its event-audio digits, no more.

    Args:
        in_channels: C of the spectrogram `[N, C, F, L]`.
        bands: F.
        frames: L.
        neuron: makes a neuron layer; `torch.nn.ReLU` gives an ordinary recurrent network.
        time_steps: T; 1 for the twin of an ANN, which then sees all frames at once.
        hidden: neurons of each recurrent layer.
        feature_dim: D, the neurons of the last layer.
    """

    def __init__(
        self,
        bands: int,
        frames: int,
        in_channels: int = 1,
        neuron: NeuronFactory = TAAFLIF,
        time_steps: int = 5,
        hidden: tuple[int, ...] = (128,),
        feature_dim: int = 128,
    ) -> None:
        super().__init__()
        if not 1 <= time_steps <= frames:
            raise UserError(f"RecurrentNet: 1 <= time_steps <= {frames}, got {time_steps}")
        self.shape = (in_channels, bands, frames)
        self.time_steps, self.feature_dim = time_steps, feature_dim
        self.frames_per_step = frames // time_steps
        widths = [in_channels * bands * self.frames_per_step, *hidden, feature_dim]
        self.layers = nn.ModuleList(
            RecurrentLayer(inputs, outputs, neuron) for inputs, outputs in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode spectrograms `[N, C, F, L]` to features `[T, N, D]`."""
        if tuple(x.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise UserError(
                f"RecurrentNet: an input must be [N, {wanted}], this one is {list(x.shape)}\n"
                "Set in_channels, bands and frames to what the data module delivers."
            )
        return self._through(self._pieces(x))

    def advance(self, x: Tensor) -> Tensor:
        """Features `[1, N, D]` of the columns `[N, C, F, L/T]` of one time step."""
        return self._through(x.flatten(1).unsqueeze(0))  # [1, N, C*F*L']

    def cut(self, chunk: Tensor) -> list[Tensor]:
        """The steps `[N, C, F, L/T]` of columns `[N, C, F, t L/T]`, as `columns` makes them."""
        width, columns = self.frames_per_step, chunk.shape[-1]
        if chunk.dim() != 4 or tuple(chunk.shape[1:3]) != self.shape[:2] or columns % width:
            raise UserError(
                f"RecurrentNet: a chunk must be [N, {self.shape[0]}, {self.shape[1]}, columns], "
                f"{width} columns a time step; this one is {list(chunk.shape)}"
            )
        return list(torch.split(chunk, width, dim=-1))

    def timed(self, x: Tensor) -> Tensor:
        """The columns of all time steps of whole spectrograms `[N, C, F, L]`."""
        return self.columns(x)

    def _through(self, signal: Tensor) -> Tensor:
        for recurrent in self.layers:
            signal = recurrent(signal)
        return signal

    def columns(self, x: Tensor) -> Tensor:
        """Spectrograms `[N, C, F, L]` as T times as many columns as a step has, averaged down."""
        frames = self.time_steps * self.frames_per_step
        if frames != x.shape[-1]:
            x = adaptive_avg_pool2d(x, (x.shape[-2], frames))
        return x  # [N, C, F, T*L']

    def _pieces(self, x: Tensor) -> Tensor:
        """Pieces `[T, N, C*F*L/T]` of spectrograms `[N, C, F, L]`."""
        x = self.columns(x)
        pieces = x.reshape(*x.shape[:-1], self.time_steps, -1)  # [N, C, F, T, L']
        return pieces.permute(3, 0, 1, 2, 4).flatten(2)  # [T, N, C*F*L']


class RecurrentLayer(nn.Module):
    """Linear layer, batch norm, and neurons that hear each other one time step later.

    Args:
        in_features: D of the input.
        out_features: number of neurons.
        neuron: makes the neurons.
    """

    def __init__(self, in_features: int, out_features: int, neuron: NeuronFactory) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=False)
        self.norm = nn.BatchNorm1d(out_features)
        neurons = neuron()
        functional.set_step_mode(neurons, "s")
        self.recurrence = layer.LinearRecurrentContainer(
            neurons, out_features, out_features, step_mode="m"
        )
        # The container's matrix maps [x(t), y(t - 1)]; x(t) comes from a linear layer of its own.
        nn.init.eye_(self.recurrence.rc.weight.data[:, :out_features])

    def forward(self, x: Tensor) -> Tensor:
        """Spikes `[T, N, D]` of a signal `[T, N, D']`."""
        flat = self.norm(self.linear(x.flatten(0, 1)))  # [T*N, D]
        spikes: Tensor = self.recurrence(flat.view(*x.shape[:2], -1))  # [T, N, D]
        return spikes
