"""The spiking ResNet-18 in its two forms, and its ANN twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Literal, get_args

from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from snn_mm.encoders.base import ImageEncoder
from snn_mm.errors import check_choice
from snn_mm.neurons import (
    IEMFLIF,
    NeuronFactory,
    SpikingSequential,
    detached_after,
    pooled_spikes,
    reset_neurons,
)

Form = Literal["preactivation", "postactivation"]


class ResNet18(ImageEncoder):
    """ResNet-18 whose activations are spiking neurons.

    Stem: convolution 7x7 with stride 2, batch norm, neurons, max-pool 3x3 with stride 2. Then four
    stages of two blocks, and the mean over space. Convolutions have no bias and Kaiming's normal
    initialisation (fan out). Batch statistics are taken over time and batch together.

    Args:
        neuron: makes a neuron layer; `torch.nn.ReLU` gives the ANN twin.
        form: `preactivation`, batch norm and neurons before each convolution and none after the
            last block, as in IEMF's code; `postactivation`, the ordinary ResNet-18 of OGM-GE.
        width: channels of the first stage; features have 8 times as many.
        checkpoint_blocks: recompute the blocks in the backward pass: less memory, more time.
        options: those of `ImageEncoder`.
    """

    def __init__(
        self,
        in_channels: int,
        neuron: NeuronFactory = IEMFLIF,
        time_steps: int = 4,
        form: Form = "preactivation",
        width: int = 64,
        checkpoint_blocks: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(in_channels, time_steps, **options)
        check_choice("ResNet18: form", form, get_args(Form))
        self.checkpoint_blocks, self.feature_dim = checkpoint_blocks, 8 * width
        self.conv = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.neuron = neuron()
        self.pool = layer.MaxPool2d(3, stride=2, padding=1)
        self.blocks = nn.ModuleList(_blocks(form, width, neuron))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.finish()

    def stem(self, x: Tensor) -> Tensor:
        """Convolution and batch norm of images `[B, C, H, W]`: `[B, width, H/2, W/2]`."""
        normalised: Tensor = self.norm(self.conv(x))
        return normalised

    def body(self, current: Tensor) -> Tensor:
        """Features `[T, B, D]` from the current of the first neurons `[T, B, width, H/2, W/2]`."""
        x = pooled_spikes(self.neuron, self.pool, current)  # [T, B, width, H/4, W/4]
        for block in self.blocks:
            x = _checkpointed(block, x) if self.checkpoint_blocks else block(x)
        features: Tensor = x.mean((-2, -1))  # [T, B, D]
        return features


class PreactivationBlock(nn.Module):
    """Twice batch norm, neurons, convolution 3x3; the shortcut, where needed, once with a 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int, neuron: NeuronFactory) -> None:
        super().__init__()
        self.main = SpikingSequential(
            layer.BatchNorm2d(inputs),
            neuron(),
            _conv(inputs, outputs, 3, stride),
            layer.BatchNorm2d(outputs),
            neuron(),
            _conv(outputs, outputs, 3),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            projection = _conv(inputs, outputs, 1, stride)
            self.shortcut = SpikingSequential(layer.BatchNorm2d(inputs), neuron(), projection)

    def forward(self, x: Tensor) -> Tensor:
        """From `[T, N, C, H, W]` to `[T, N, C', H', W']`."""
        total: Tensor = self.main(x) + self.shortcut(x)
        return total


class PostactivationBlock(nn.Module):
    """Convolution 3x3, batch norm, neurons, convolution 3x3, batch norm; neurons after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, neuron: NeuronFactory) -> None:
        super().__init__()
        self.main = SpikingSequential(
            _conv(inputs, outputs, 3, stride),
            layer.BatchNorm2d(outputs),
            neuron(),
            _conv(outputs, outputs, 3),
            layer.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            projection = _conv(inputs, outputs, 1, stride)
            self.shortcut = SpikingSequential(projection, layer.BatchNorm2d(outputs))
        self.neuron = neuron()

    def forward(self, x: Tensor) -> Tensor:
        """From `[T, N, C, H, W]` to `[T, N, C', H', W']`."""
        spikes: Tensor = self.neuron(self.main(x) + self.shortcut(x))
        return spikes


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Module:
    conv: nn.Module = layer.Conv2d(
        inputs, outputs, size, stride=stride, padding=size // 2, bias=False
    )
    return conv


def _blocks(form: Form, width: int, neuron: NeuronFactory) -> Iterator[nn.Module]:
    block = PreactivationBlock if form == "preactivation" else PostactivationBlock
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        yield block(inputs, outputs, 1 if stage == 0 else 2, neuron)
        yield block(outputs, outputs, 1, neuron)
        inputs = outputs


def _checkpointed(block: nn.Module, x: Tensor) -> Tensor:
    """Run a block `[T, N, C, H, W]` now and once more in the backward pass, with equal effects."""

    def run(x: Tensor) -> Tensor:
        reset_neurons(block)  # else the second run would start from where the first one ended
        with detached_after(block):
            out: Tensor = block(x)
        return out

    contexts = partial(_first_and_second_run, block)
    out: Tensor = checkpoint(run, x, use_reentrant=False, context_fn=contexts)
    return out


def _first_and_second_run(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _running_statistics_kept(block)


@contextmanager
def _running_statistics_kept(block: nn.Module) -> Iterator[None]:
    """Let the second run of a block count its batch into copies of the running statistics."""
    norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)]
    kept = [(norm, name, value) for norm in norms for name, value in norm.named_buffers()]
    for norm, name, value in kept:
        setattr(norm, name, value.clone())
    try:
        yield
    finally:
        for norm, name, value in kept:
            setattr(norm, name, value)
