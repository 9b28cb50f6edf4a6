"""Time alignment: spike trains of different lengths onto a common number of time steps.

TAAF adapts it from Han, Shen et al., "Balanced multi-modal SNN with online loss adjustment and time
alignment" (ICME 2024), of which only the abstract is public: a convolution over time, per modality.
Kernel, stride and place are not printed; what is here is the shortest convolution that maps T_u
steps onto T, and its weights start as the average.
"""

from __future__ import annotations

from typing import Literal

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from snn_mm.encoders.base import Encoder, feature_width
from snn_mm.errors import UserError
from snn_mm.neurons import TAAFLIF, NeuronFactory, SpikingProjection, is_spiking

Kernel = Literal["shared", "depthwise"]
"""`shared`: one kernel over time for all channels; `depthwise`: one for each."""


class TimeAlignment(nn.Module):
    """A learned convolution over time from `in_steps` to `out_steps`, followed by neurons.

    Without padding and with stride 1 the kernel is |T_u - T| + 1 long; a transposed convolution
    lengthens. Where the two agree nothing happens, and there are no parameters.

    Args:
        channels: D of the spike trains.
        in_steps: T_u of the modality.
        out_steps: T that all modalities share.
        neuron: makes the neurons that turn the sums into spikes again.
        kernel: `shared` by all channels or `depthwise`.
    """

    def __init__(
        self,
        channels: int,
        in_steps: int,
        out_steps: int,
        neuron: NeuronFactory = TAAFLIF,
        kernel: Kernel = "shared",
    ) -> None:
        super().__init__()
        if min(in_steps, out_steps) < 1 or kernel not in ("shared", "depthwise"):
            raise UserError(
                f"TimeAlignment: {in_steps} to {out_steps} steps with kernel {kernel!r}; accepted: "
                "at least 1 step, kernel shared or depthwise"
            )
        self.channels, self.in_steps, self.out_steps = channels, in_steps, out_steps
        length = abs(in_steps - out_steps) + 1
        self.identity = in_steps == out_steps
        if self.identity:
            return
        rows = channels if kernel == "depthwise" else 1
        # An average keeps the current of a neuron at that of a single step.
        taps = 1.0 / min(length, in_steps)
        self.weight = nn.Parameter(torch.full((rows, 1, length), taps))
        self.neuron = neuron()

    def forward(self, spikes: Tensor) -> Tensor:
        """Align spikes `[T_u, N, D]` to spikes `[T, N, D]`."""
        if self.identity or (spikes.shape[0] == 1 and not is_spiking(self)):
            return spikes  # an ANN has one step, and nothing to align
        if spikes.shape[0] != self.in_steps:
            raise UserError(
                f"TimeAlignment: built for {self.in_steps} time steps, got {spikes.shape[0]}.\n"
                "Set time_steps of the encoder to what its input brings."
            )
        trains = spikes.permute(1, 2, 0)  # [N, D, T_u]
        weight = self.weight.expand(self.channels, 1, -1)
        convolve = (
            nn.functional.conv1d
            if self.in_steps > self.out_steps
            else nn.functional.conv_transpose1d
        )
        current = convolve(trains, weight, groups=self.channels)  # [N, D, T]
        aligned: Tensor = self.neuron(current.permute(2, 0, 1).contiguous())  # [T, N, D]
        return aligned


class AlignedEncoder(Encoder):
    """A backbone, a spiking projection to a common width, and time alignment.

    TAAF's classifier takes 128 features a modality. The projection is a linear layer with batch
    norm over time and batch, and neurons, so that the features are spikes.

    Args:
        encoder: the backbone.
        width: D of the projected features; None keeps the backbone's, without a projection.
        time_steps: T after the alignment; None leaves the modality its own number of steps.
        neuron: makes the neurons behind projection and alignment.
        kernel: `shared` by all channels or `depthwise`.
    """

    def __init__(
        self,
        encoder: Encoder,
        width: int | None = 128,
        time_steps: int | None = None,
        neuron: NeuronFactory = TAAFLIF,
        kernel: Kernel = "shared",
    ) -> None:
        super().__init__()
        self.backbone, self.takes_lengths = encoder, encoder.takes_lengths
        own_width = feature_width(encoder)
        self.feature_dim = width or own_width
        self.time_steps = time_steps or encoder.time_steps
        self.projection = SpikingProjection(own_width, width, neuron) if width else nn.Identity()
        self.alignment = TimeAlignment(
            self.feature_dim, encoder.time_steps, self.time_steps, neuron, kernel
        )
        for part in (self.projection, self.alignment):
            functional.set_step_mode(part, "m")

    def advance(self, x: Tensor) -> Tensor:
        """Features `[1, N, D]` of one time step of the backbone's input."""
        features: Tensor = self.projection(self.backbone.advance(x))
        return features

    def cut(self, chunk: Tensor) -> list[Tensor] | None:
        """The time steps of a piece of the backbone's input."""
        if not self.alignment.identity:
            there, here = self.alignment.in_steps, self.alignment.out_steps
            raise UserError(
                f"TimeAlignment: can't run step by step: it makes {here} time steps of all {there}"
                "\naccepted: time_steps: null of TAAFModule, or that of the encoders"
            )
        return self.backbone.cut(chunk)

    def timed(self, x: Tensor) -> Tensor:
        """A whole input as the backbone's chunk of all its time steps."""
        return self.backbone.timed(x)

    def joined(self, step: Tensor) -> Tensor:
        """The backbone's chunk of one time step."""
        return self.backbone.joined(step)

    def forward(self, x: Tensor, *lengths: Tensor) -> Tensor:
        """Features `[T, N, D]` of an input of the backbone's kind, of sequences with lengths."""
        features: Tensor = self.alignment(self.projection(self.backbone(x, *lengths)))
        return features
