"""A small spiking convolutional network for inputs of 8x8 to 64x64 pixels, and its ANN twin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

from spikingjelly.activation_based import layer
from torch import Tensor, nn

from snn_mm.encoders.base import ImageEncoder
from snn_mm.errors import UserError, check_choice
from snn_mm.neurons import IEMFLIF, NeuronFactory, SpikingSequential, pooled_spikes

GRID = 4
"""Height and width of the last maps."""

Pool = Literal["max", "average"]
"""`max` passes spikes on as spikes; `average`, their share, is what NIR and most chips know."""


class ConvNet(ImageEncoder):
    """Stages of convolution 3x3, batch norm, neurons and 2x2 pool, then a spiking projection.

    A stage halves a map only while a 4x4 grid is left of it, and the last maps are pooled to that
    grid: one network takes digits of 8x8 pixels, event frames of 34x34 and spectrograms. Pools take
    the maximum, so every convolution but the first sees spikes alone; features are spikes.

    Args:
        neuron: makes a neuron layer; `torch.nn.ReLU` gives the ANN twin.
        channels: channels of each stage.
        feature_dim: D, the number of neurons in the last layer.
        pool: `max`, or `average`, which `snnmm export --to nir` needs; layers behind it then see
            shares of spikes.
        options: those of `ImageEncoder`.
    """

    def __init__(
        self,
        in_channels: int,
        neuron: NeuronFactory = IEMFLIF,
        time_steps: int = 4,
        channels: Sequence[int] = (32, 64),
        feature_dim: int = 128,
        pool: Pool = "max",
        **options: Any,
    ) -> None:
        super().__init__(in_channels, time_steps, **options)
        if not channels:
            raise UserError("ConvNet: channels must list the channels of at least one stage")
        check_choice("ConvNet: pool", pool, get_args(Pool))
        self.feature_dim, self.pool = feature_dim, pool
        self.conv = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels[0])
        self.neuron = neuron()
        average = pool == "average"
        self.halve = layer.AvgPool2d(2) if average else layer.MaxPool2d(2)
        grid = nn.AdaptiveAvgPool2d(GRID) if average else nn.AdaptiveMaxPool2d(GRID)
        self.to_grid = layer.SeqToANNContainer(grid)
        self.stages = nn.ModuleList(
            SpikingSequential(
                layer.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                layer.BatchNorm2d(outputs),
                neuron(),
            )
            for inputs, outputs in pairwise(channels)
        )
        self.projection = SpikingSequential(
            layer.Linear(channels[-1] * GRID**2, feature_dim, bias=False),
            layer.BatchNorm1d(feature_dim),
            neuron(),
        )
        self.finish()

    def stem(self, x: Tensor) -> Tensor:
        """Convolution and batch norm of images `[B, C, H, W]`: `[B, C', H, W]`."""
        if min(x.shape[-2:]) < GRID:
            height, width = x.shape[-2:]
            raise UserError(
                f"ConvNet: an input must have at least {GRID}x{GRID} pixels, not {height}x{width}"
            )
        normalised: Tensor = self.norm(self.conv(x))
        return normalised

    def body(self, current: Tensor) -> Tensor:
        """Features `[T, B, D]` from the current of the first neurons `[T, B, C', H, W]`."""
        x = self._pooled(self.neuron, current)
        for stage in self.stages:
            x = self._pooled(stage, x)
        x = self.to_grid(x)  # [T, B, C', 4, 4]
        features: Tensor = self.projection(x.flatten(-3))  # [T, B, D]
        return features

    def halves(self, height: int, width: int) -> bool:
        """Whether a stage pools maps of this size."""
        return min(height, width) >= 2 * GRID

    def _pooled(self, neurons: nn.Module, x: Tensor) -> Tensor:
        large = self.halves(*x.shape[-2:])
        return pooled_spikes(neurons, self.halve, x) if large else neurons(x)  # [T, B, C', H', W']
