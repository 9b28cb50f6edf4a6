"""What `train_step.py` times: training steps of one network written in several ways.

A workload is a function without arguments that takes one step. All share batch, T and shapes: audio
`[N, 1, 257, 188]`, visual `[N, 3, 224, 224]`, and T = 4 as in both networks' defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from plain_loop import PlainLoopResNet18
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from snn_mm.encoders import ResNet18
from snn_mm.run.malloc import keep_large_blocks

CLASSES = 6
SHAPES = {"audio": (1, 257, 188), "visual": (3, 224, 224)}

Workload = Callable[[], None]


@dataclass(frozen=True)
class Place:
    """Where a step is taken, and of how many samples."""

    name: str = "cpu"
    batch: int = 8

    @property
    def device(self) -> torch.device:
        """What torch calls the place."""
        return torch.device(self.name)


CPU = Place()


class AudioVisual(nn.Module):
    """Two encoders, a classifier of the concatenated features and one of each modality."""

    def __init__(self, encoder: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoder(shape[0]) for shape in SHAPES.values())
        self.heads = nn.ModuleList(nn.Linear(512, CLASSES) for _ in SHAPES)
        self.fused = nn.Linear(1024, CLASSES)

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        """Logits `[N, K]`, mean over time, of the fusion and of each modality."""
        features = [encoder(x) for encoder, x in zip(self.encoders, inputs)]
        unimodal = [head(f).mean(0) for head, f in zip(self.heads, features)]
        return [self.fused(torch.cat(features, -1)).mean(0), *unimodal]


def correlated_inputs(place: Place = CPU) -> list[Tensor]:
    """Smooth noise: white noise saturates the first max-pool and silences a deep network."""
    coarse = [torch.randn(place.batch, c, h // 8, w // 8) for c, h, w in SHAPES.values()]
    sizes = [shape[1:] for shape in SHAPES.values()]
    smooth = [interpolate(x, size, mode="bilinear") for x, size in zip(coarse, sizes)]
    return [x.to(place.device) for x in smooth]


def training_step(
    encoder: Callable[[int], nn.Module], place: Place = CPU, bf16: bool = False
) -> Workload:
    """Forward, backward and SGD of the audio-visual network on one fixed batch."""
    torch.manual_seed(0)
    model = AudioVisual(encoder).to(place.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    inputs = correlated_inputs(place)
    target = torch.arange(place.batch, device=place.device) % CLASSES

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(place.device.type, torch.bfloat16, enabled=bf16):
            logits = model(inputs)
        sum(cross_entropy(each.float(), target) for each in logits).backward()
        optimizer.step()

    return step


def as_trained(
    encoder: Callable[[int], nn.Module], place: Place = CPU, bf16: bool = False
) -> Workload:
    """The training step in a process set up as `snnmm fit` does it."""
    keep_large_blocks()
    return training_step(encoder, place, bf16)


def convolutions(place: Place = CPU) -> Workload:
    """Forward and backward of every convolution of the network alone: the floor of a step."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def record(conv: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        x = inputs[0].detach().clone().requires_grad_(inputs[0].requires_grad)
        calls.append((conv, x, torch.randn_like(output)))

    model = AudioVisual(ResNet18).to(place.device)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(record)
    model(correlated_inputs(place))
    for module in model.modules():
        module._forward_hooks.clear()

    def step() -> None:
        for conv, x, gradient in calls:
            conv(x).backward(gradient)

    return step


def by_hand(in_channels: int) -> nn.Module:
    """The ANN twin of `ResNet18` as torch's users write it: the same layers, without time."""
    return PlainLoopResNet18(in_channels, nn.ReLU, time_steps=1, reset=lambda network: None)


def by_hand_channels_last(in_channels: int) -> nn.Module:
    """The same with the weights in the layout that ours has."""
    return by_hand(in_channels).to(memory_format=torch.channels_last)


ANN_TWIN = partial(ResNet18, neuron=nn.ReLU, time_steps=1)
WORKLOADS: dict[str, Callable[[Place], Workload]] = {
    "plain loop over time": partial(training_step, PlainLoopResNet18),
    "plain loop, blocks kept": partial(as_trained, PlainLoopResNet18),
    "snn_mm": partial(training_step, ResNet18),
    "snn_mm, blocks kept": partial(as_trained, ResNet18),
    "snn_mm, contiguous": partial(training_step, partial(ResNet18, channels_last=False)),
    "snn_mm, checkpointed": partial(training_step, partial(ResNet18, checkpoint_blocks=True)),
    "snn_mm, bfloat16": partial(training_step, ResNet18, bf16=True),
    "snn_mm, bfloat16, blocks kept": partial(as_trained, ResNet18, bf16=True),
    "convolutions alone": convolutions,
    "ANN by hand": partial(training_step, by_hand),
    "ANN by hand, channels last": partial(training_step, by_hand_channels_last),
    "ANN twin": partial(training_step, ANN_TWIN),
}
