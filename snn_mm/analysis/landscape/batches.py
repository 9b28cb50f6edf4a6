"""The samples a landscape is computed on: the same ones, in the same order, at every point."""

from __future__ import annotations

from typing import NamedTuple

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from snn_mm.errors import UserError


class Samples(NamedTuple):
    """Part of a batch: inputs `[N, ...]` by modality (or features `[T, N, D]`), classes `[N]`."""

    inputs: dict[str, Tensor]
    target: Tensor


def collect(
    data: LightningDataModule,
    split: str,
    limit: int,
    modalities: tuple[str, ...],
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
        modalities: those the network takes.
        device: where the samples go.
        seed: of order and augmentation of training batches.

    Raises:
        UserError: the split is empty.
    """
    found: list[Samples] = []
    missing = limit
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loader: DataLoader[dict[str, object]] = getattr(data, f"{split}_dataloader")()
        for batch in loader:
            inputs = {name: batch["inputs"][name][:missing].to(device) for name in modalities}
            found.append(Samples(inputs, batch["target"][:missing].to(device)))
            missing -= len(found[-1].target)
            if missing <= 0:
                break
    if not found:
        raise UserError(f"{type(data).__name__}: its split '{split}' has no batch")
    return found
