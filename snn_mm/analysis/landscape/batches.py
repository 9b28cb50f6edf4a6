"""The samples a landscape is computed on: the same ones, in the same order, at every point."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from lightning import LightningDataModule
from lightning.fabric.utilities.apply_func import move_data_to_device
from torch import Tensor
from torch.utils.data import DataLoader

from snn_mm.analysis.robustness.inputs import first
from snn_mm.contracts import Batch, Presence
from snn_mm.encoders.inputs import lengths_of
from snn_mm.errors import UserError
from snn_mm.presence import presence_of


class Samples(NamedTuple):
    """Part of a batch: inputs `[N, ...]` by modality (or features `[T, N, D]`), classes `[N]`.

    Attributes:
        given: which of them have a modality, as the last argument of a call, or no argument.
        lengths: of sequences, as an argument by name, or no argument.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    given: tuple[()] | tuple[Presence] = ()
    lengths: Mapping[str, Any] = MappingProxyType({})


def collect(
    data: LightningDataModule,
    split: str,
    limit: int,
    module: Any,
    device: torch.device,
    seed: int = 0,
) -> list[Samples]:
    """The first samples of a split, kept in memory.

    Kept, because samples of a training split may be augmented anew whenever they are read, and
    because they are needed at every point.

    Args:
        data: set up.
        split: `train`, `val` or `test`.
        limit: at most so many samples.
        module: `Classifies`, the network that takes them.
        device: where the samples go.
        seed: of order and augmentation of training batches.

    Raises:
        UserError: the split is empty.
    """
    found: list[Samples] = []
    missing = limit
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loader: DataLoader[Batch] = getattr(data, f"{split}_dataloader")()
        for batch in loader:
            part = move_data_to_device(first(batch, missing), device)
            held = part["inputs"]
            others = {*getattr(data, "modalities", ())} - {*module.modalities}
            inputs = {name: x for name, x in held.items() if name not in others}
            given = presence_of(part, module.modalities)
            found.append(Samples(inputs, part["target"], given, lengths_of(module, part)))
            missing -= len(found[-1].target)
            if missing <= 0:
                break
    if not found:
        raise UserError(f"{type(data).__name__}: its split '{split}' has no batch")
    return found
