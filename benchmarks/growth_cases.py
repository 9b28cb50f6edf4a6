"""What `growth.py` measures: small networks and fusions, each along the axes it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_mm import fusion
from snn_mm.encoders import ConvNet, RecurrentNet, ResNet18
from snn_mm.modules import IEMFModule, TAAFModule
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.sgmt import SGMT

CLASSES = 6
NAMES = ("audio", "visual", "text", "depth")
Network = tuple[nn.Module, Callable[[], Tensor]]
"""A network, and its loss on one batch."""


class Case(NamedTuple):
    """A network along one axis.

    Attributes:
        network: its name.
        axis: what changes.
        values: of the axis.
        build: the network at a value.
        why: why it may grow faster than the axis; empty if it may not.
    """

    network: str
    axis: str
    values: tuple[int, ...]
    build: Callable[[int], Network]
    why: str = ""


def classifier(
    encoder: Callable[..., nn.Module],
    size: int,
    module: Callable[..., MultimodalModule] = IEMFModule,
    fuse: Callable[..., fusion.Fusion] = fusion.Concat,
    *,
    steps: int = 4,
    batch: int = 4,
    modalities: int = 1,
    kind: str = "static",
    length: int = 1,
    **options: Any,
) -> Network:
    """A classifier of images `[N, 2, H, W]`, of frames `[N, L, 2, H, W]` or of events."""
    names = NAMES[:modalities]
    encoders = {name: encoder(2, input_kind=kind, time_steps=steps, **options) for name in names}
    network = module(encoders, fusion=fuse, num_classes=CLASSES)
    shape = (batch, 2, size, size) if kind == "static" else (batch, length, 2, size, size)
    inputs = {name: torch.randn(shape) for name in names}
    target = torch.arange(batch) % CLASSES

    def loss() -> Tensor:
        output = network(inputs)
        return sum_of(network.loss_terms(output, network.readout(output), target))

    return network, loss


def sum_of(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def fused(
    make: Callable[..., fusion.Fusion], modalities: int = 2, steps: int = 4, width: int = 128
) -> Network:
    """A fusion alone, on made-up spikes `[T, N, D]` with N = 32."""
    names = NAMES[:modalities]
    features = {
        name: (torch.rand(steps, 32, width) < 0.3).float().requires_grad_() for name in names
    }
    network = make(dict.fromkeys(names, width), CLASSES)

    def loss() -> Tensor:
        output = network(features)
        return sum_of({n: x.square().mean() for n, x in output.by_name().items()})

    return network, loss


def sgmt(
    steps: int = 16, batch: int = 8, width: int = 64, modalities: int = 3, merge: str = "features"
) -> Network:
    """SGMT on sequences `[N, L, 32]` as long as it has time steps."""
    names = NAMES[:modalities]
    network = SGMT(
        dict.fromkeys(names, 32), dict.fromkeys(names, steps), width, steps=steps, merge=merge
    )
    inputs = {name: torch.randn(batch, steps, 32) for name in names}
    lengths = dict.fromkeys(names, torch.full((batch,), steps))
    return network, lambda: sum_of(
        {name: score.abs().mean() for name, score in network(inputs, lengths).items()}
    )


def recurrent(steps: int) -> Network:
    """A recurrent network on spectrograms `[N, 1, 16, L]` with four columns a time step."""
    network = RecurrentNet(16, 4 * steps, time_steps=steps)
    x = torch.randn(16, 1, 16, 4 * steps)
    return network, lambda: network(x).square().mean()


DOUBLED, FEW = (1, 2, 4, 8, 16), (1, 2, 3, 4)
TAAF = partial(classifier, ConvNet, 16, TAAFModule, partial(fusion.Concat, unimodal="shared"))
RESNET = partial(classifier, ResNet18, 64)
IMAGES: dict[str, Callable[..., Network]] = {
    "ResNet-18": lambda width=16, **options: RESNET(width=width, **options),
    "ConvNet": lambda width=32, **options: classifier(
        ConvNet, 32, channels=(width, 2 * width), feature_dim=4 * width, **options
    ),
    "TAAF": lambda width=32, **options: TAAF(
        channels=(width, 2 * width), feature_dim=4 * width, **options
    ),
}
WEIGHTS = "a layer's weights are inputs times outputs"
STEPS_MEET = "attention: all steps meet all steps"
SIDE_BY_SIDE = "each modality reads all others, side by side"
READ_BY_ALL = {
    **dict.fromkeys(("SCA", "SCMRL"), SIDE_BY_SIDE),
    "WeightAttention": "the weight of each modality reads all of them, side by side",
}
NEEDS_TWO = ("FiLM", "Gated", "CMCI", "MISNET", *READ_BY_ALL)
FUSIONS = ("Added", "Concat", "Sum", "AVAttention", *NEEDS_TWO)
MERGES = {
    "features": "neurons of the fusion network are side by side: widths times widths",
    "projection": "",
    "pairwise": "a stack of layers for each ordered pair of modalities",
    "time": STEPS_MEET + ", of all modalities",
}


def along(build: Callable[..., Network], *keys: str, **fixed: Any) -> Callable[[int], Network]:
    """A network as a function of what has the names `keys`."""
    return lambda value: build(**fixed, **dict.fromkeys(keys, value))


def image_cases() -> list[Case]:
    """The classifiers along every axis."""
    return [
        case
        for name, build in IMAGES.items()
        for case in (
            Case(name, "T", DOUBLED, along(build, "steps")),
            Case(name, "batch", (2, 4, 8, 16, 32), along(build, "batch")),
            Case(name, "frames", DOUBLED[:4], along(build, "length", kind="frames")),
            Case(name, "event bins", DOUBLED, along(build, "steps", "length", kind="events")),
            Case(name, "modalities", FEW, along(build, "modalities")),
            Case(name, "width", (8, 16, 32, 64), along(build, "width"), WEIGHTS),
        )
    ]


def sequence_cases() -> list[Case]:
    """SGMT along its axes, for each way to merge; and the recurrent network."""
    merged = [
        Case(
            f"SGMT, {merge}",
            "modalities",
            FEW[merge == "pairwise" :],
            along(sgmt, "modalities", merge=merge),
            why,
        )
        for merge, why in MERGES.items()
    ]
    return [
        Case("SGMT", "T", (8, 16, 32, 64, 128), along(sgmt, "steps"), STEPS_MEET),
        Case("SGMT", "batch", (2, 4, 8, 16, 32), along(sgmt, "batch")),
        Case("SGMT", "width", (16, 32, 64, 128), along(sgmt, "width"), WEIGHTS),
        *merged,
        Case("RecurrentNet", "T", DOUBLED, recurrent),
    ]


def fusion_cases() -> list[Case]:
    """Every fusion alone, with a head for each modality and without, and over time."""
    cases = []
    for name in FUSIONS:
        make, values = getattr(fusion, name), FEW[name in NEEDS_TWO :]
        split = name in ("Added", "Concat", "Sum")
        in_turn = "" if split else "each shared logit fuses all modalities once more"
        shared = along(fused, "modalities", make=partial(make, unimodal="shared"))
        cases += [
            Case(name, "T", DOUBLED, along(fused, "steps", make=make)),
            Case(
                name,
                "modalities",
                values,
                along(fused, "modalities", make=make),
                READ_BY_ALL.get(name, ""),
            ),
            Case(f"{name}, shared logits", "modalities", values, shared, in_turn),
        ]
    return cases


CASES = [*image_cases(), *sequence_cases(), *fusion_cases()]
