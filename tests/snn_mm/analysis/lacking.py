"""A network, and batches of which some samples lack a modality and others are padded."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from snn_mm.contracts import Batch, FusionOutput
from snn_mm.encoders import MLP, SequenceRNN
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.presence import presence_of

SIZES = (4, 3)
ABSENT = {"text": [(1, 2), ()], "motion": [(0,), (0, 1, 2)]}
"""Which samples of each batch lack a modality: of the second batch nobody has motion."""


def network() -> IEMFModule:
    """A vector and a sequence; biases say something of nothing."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"neuron": nn.ReLU, "time_steps": 1, "feature_dim": 6}
    encoders: dict[str, Encoder] = {
        "text": MLP(4, **options),
        "motion": SequenceRNN(2, steps=4, hidden=(), **options),
    }
    module = IEMFModule(encoders, Concat, 3)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    return module.double().eval()


def batches(fill: float) -> list[Batch]:
    """Batches with a value in place of all that nobody may read."""
    rng = torch.Generator().manual_seed(0)
    made = []
    for place, size in enumerate(SIZES):
        x = {
            "text": torch.randn(size, 4, generator=rng, dtype=torch.float64),
            "motion": torch.randn(size, 5, 2, generator=rng, dtype=torch.float64),
        }
        lengths = torch.tensor([5, 2, 4, 1][:size])
        for row, length in enumerate(lengths):
            x["motion"][row, length:] = fill
        present = {name: torch.ones(size, dtype=torch.bool) for name in x}
        for name, absent in ABSENT.items():
            rows = list(absent[place])
            present[name][rows] = False
            x[name][rows] = fill
        ids = [f"{place}-{row}" for row in range(size)]
        target = torch.arange(size) % 3
        batch: Batch = {"inputs": x, "target": target, "id": ids}
        made.append(cast("Batch", {**batch, "present": present, "lengths": {"motion": lengths}}))
    return made


@torch.no_grad()
def said(module: IEMFModule, batch: Batch) -> FusionOutput:
    """What the module says in a step of its own."""
    given = presence_of(batch, module.modalities)
    return module(batch["inputs"], *given, lengths=batch["lengths"])
