"""Spiking networks the way most are written: a loop over time.

The whole network runs once per time step on single-step neurons, autograd records every operation,
and the static input is convolved again in every step. `PlainLoopResNet18` is that of the authors of
IEMF. Same layers in the same order as `ResNet18` and `ConvNet` of `snn_mm.encoders`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based import neuron, surrogate
from spikingjelly.activation_based.functional import reset_net
from torch import Tensor, nn

Neurons = Callable[[], nn.Module]
"""Makes a layer of neurons that keep their state from one call to the next."""
Reset = Callable[[nn.Module], None]
"""Sets all neurons of a network back to rest."""


def lif() -> nn.Module:
    """The neuron of IEMF; fires strictly above 0.5, which is at or above the next float32."""
    return neuron.LIFNode(
        tau=2.0,
        v_threshold=float(np.nextafter(np.float32(0.5), np.float32(1))),
        surrogate_function=surrogate.PiecewiseQuadratic(2.0),
        detach_reset=True,
    )


def neurons(model: nn.Module) -> list[nn.Module]:
    """Every neuron layer of a network."""
    return [layer for layer in model.modules() if isinstance(layer, neuron.LIFNode)]


class Block(nn.Module):
    """Batch norm, neurons, convolution 3x3, twice; a shortcut with a 1x1 where shapes change."""

    def __init__(self, inputs: int, outputs: int, stride: int, neuron: Neurons) -> None:
        super().__init__()
        self.norm1, self.node1 = nn.BatchNorm2d(inputs), neuron()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2, self.node2 = nn.BatchNorm2d(outputs), neuron()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(nn.BatchNorm2d(inputs), neuron(), conv)

    def forward(self, x: Tensor) -> Tensor:
        """One time step, `[N, C, H, W]` to `[N, C', H', W']`."""
        out = self.conv1(self.node1(self.norm1(x)))
        out = self.conv2(self.node2(self.norm2(out)))
        return out + self.shortcut(x)


class PlainLoop(nn.Module):
    """A network of one time step, run once for each of them.

    Args:
        step: the network, `[N, ...]` to `[N, D]`.
        feature_dim: D.
        time_steps: T.
        reset: sets its neurons back to rest.
    """

    def __init__(
        self, step: nn.Module, feature_dim: int, time_steps: int = 4, reset: Reset = reset_net
    ) -> None:
        super().__init__()
        self.step, self.to_rest = step, reset
        self.feature_dim, self.time_steps = feature_dim, time_steps

    def forward(self, x: Tensor) -> Tensor:
        """Features `[T, N, D]` of a static input `[N, C, H, W]`."""
        self.to_rest(self)
        return torch.stack([self.step(image) for image in x.repeat(self.time_steps, 1, 1, 1, 1)])


class PlainLoopResNet18(PlainLoop):
    """From a static input `[N, C, H, W]` to features `[T, N, 8 * width]`."""

    def __init__(
        self, in_channels: int, neuron: Neurons = lif, width: int = 64, **options: Any
    ) -> None:
        stem = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        widths = [(1, 1, 1), (1, 2, 2), (2, 4, 2), (4, 8, 2)]
        pairs = [
            (Block(i * width, o * width, stride, neuron), Block(o * width, o * width, 1, neuron))
            for i, o, stride in widths
        ]
        step = nn.Sequential(
            *(stem, nn.BatchNorm2d(width), neuron(), nn.MaxPool2d(3, 2, 1)),
            *(block for pair in pairs for block in pair),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        super().__init__(step, 8 * width, **options)


class PlainLoopConvNet(PlainLoop):
    """From a static input `[N, C, 32, 32]` to features `[T, N, 128]`."""

    def __init__(self, in_channels: int, neuron: Neurons = lif, **options: Any) -> None:
        step = nn.Sequential(
            *(nn.Conv2d(in_channels, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), neuron()),
            nn.MaxPool2d(2),
            *(nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), neuron()),
            *(nn.MaxPool2d(2), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(64 * 4**2, 128, bias=False), nn.BatchNorm1d(128), neuron()),
        )
        super().__init__(step, 128, **options)
