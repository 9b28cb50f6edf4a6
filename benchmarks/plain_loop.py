"""The spiking pre-activation ResNet-18 the way the authors of IEMF write it: a loop over time.

The whole network runs once per time step on spikingjelly's single-step neurons, autograd records
every operation, and the static input is convolved again in every step. Same parameters in the same
order as `snn_mm.encoders.ResNet18`.
"""

from __future__ import annotations

import numpy as np
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn


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

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.node1 = nn.BatchNorm2d(inputs), lif()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2, self.node2 = nn.BatchNorm2d(outputs), lif()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(nn.BatchNorm2d(inputs), lif(), conv)

    def forward(self, x: Tensor) -> Tensor:
        """One time step, `[N, C, H, W]` to `[N, C', H', W']`."""
        out = self.conv1(self.node1(self.norm1(x)))
        out = self.conv2(self.node2(self.norm2(out)))
        return out + self.shortcut(x)


class PlainLoopResNet18(nn.Module):
    """From a static input `[N, C, H, W]` to features `[T, N, 512]`."""

    feature_dim = 512

    def __init__(self, in_channels: int, time_steps: int = 4) -> None:
        super().__init__()
        self.time_steps = time_steps
        self.conv = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.norm, self.node, self.pool = nn.BatchNorm2d(64), lif(), nn.MaxPool2d(3, 2, 1)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        pairs = [(Block(i, o, stride), Block(o, o, 1)) for i, o, stride in widths]
        self.blocks = nn.Sequential(*(block for pair in pairs for block in pair))

    def forward(self, x: Tensor) -> Tensor:
        """Features `[T, N, 512]` of a static input `[N, C, H, W]`."""
        functional.reset_net(self)
        steps = [self._step(image) for image in x.repeat(self.time_steps, 1, 1, 1, 1)]
        return torch.stack(steps)  # [T, N, 512]

    def _step(self, x: Tensor) -> Tensor:
        x = self.pool(self.node(self.norm(self.conv(x))))
        return self.blocks(x).mean((-2, -1))  # [N, 512]
