"""The samples of a run under a condition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import torch
from lightning import LightningDataModule
from torch import Tensor

from snn_mm.analysis.robustness.conditions import Condition, RobustnessSettings
from snn_mm.analysis.sentiment.clip_loading import batches
from snn_mm.contracts import Batch
from snn_mm.metrics.coalitions import choose_rows, keep_only

NOISE = "noise"
"""What any input can be corrupted with, whose data module says of no corruption that it fits."""

SNR_DB = (10.0, 5.0, 0.0, -5.0, -10.0)
"""Of the severities of `NOISE`: those of the noisy tests of AV-HuBERT (Shi et al., 2022)."""


@runtime_checkable
class OffersCorruptions(Protocol):
    """A data module that can be asked for corrupted samples; those of `datamodules` all can."""

    def fitting_corruptions(self) -> Mapping[str, Sequence[str]]:
        """Names of the corruptions that fit each modality."""
        ...

    def corrupted(self, corruptions: Any, seed: int | None = None) -> AbstractContextManager[None]:
        """Have loaders that are asked for meanwhile yield corrupted samples, and no others."""
        ...


def fitting(data: LightningDataModule, modalities: Sequence[str]) -> dict[str, Sequence[str]]:
    """Names of the corruptions that can be measured, by modality.

    Args:
        data: set up.
        modalities: those of the network.
    """
    if isinstance(data, OffersCorruptions):
        found = data.fitting_corruptions()
        return {name: found[name] for name in modalities if name in found}
    return dict.fromkeys(modalities, (NOISE,))


def conditioned(
    data: LightningDataModule,
    condition: Condition,
    settings: RobustnessSettings,
    modalities: Sequence[str],
    device: torch.device,
) -> Iterator[Batch]:
    """The batches of a split under a condition; empty ones are left out.

    What the config corrupts is clean here: a condition is all that is done.

    Args:
        data: set up.
        condition: what is done.
        settings: which split, how many samples of it, and the seed of corruptions.
        modalities: those of the network.
        device: where the batches go.
    """
    missing = settings.samples
    for batch in _as_read(data, condition, settings, device):
        kept = batch if missing is None else first(batch, missing)
        missing = None if missing is None else missing - len(kept["target"])
        seen = keep_only(kept, modalities, condition.present)
        if len(seen["target"]):
            yield seen
        if missing == 0:
            return


def _as_read(
    data: LightningDataModule,
    condition: Condition,
    settings: RobustnessSettings,
    device: torch.device,
) -> Iterator[Batch]:
    """Batches with nothing absent: corrupted by the data module, or by noise on the input."""
    if not isinstance(data, OffersCorruptions):
        for batch in batches(data, settings.split, device):
            yield noisy(batch, condition, settings.seed) if condition.severity else batch
        return
    from datamodules.corruption import Corruption

    acting = [Corruption(condition.corruption, condition.severity)] if condition.severity else []
    chosen = {condition.modality: acting} if acting else {}
    with data.corrupted(chosen, settings.seed):
        yield from batches(data, settings.split, device)


def first(batch: Batch, count: int) -> Batch:
    """At most so many samples of a batch."""
    rows = torch.arange(len(batch["target"])) < count
    chosen: Batch = batch if bool(rows.all()) else choose_rows(batch, rows)
    return chosen


def noisy(batch: Batch, condition: Condition, seed: int) -> Batch:
    """A batch with white noise added to one input, a function of seed and id.

    Args:
        batch: inputs `[N, ...]` of numbers that are no counts or words.
        condition: which modality, and a severity that stands for one of `SNR_DB`.
        seed: of the noise.
    """
    snr = SNR_DB[condition.severity - 1]
    clean = batch["inputs"][condition.modality]
    drawn = [add_noise(x, snr, f"{seed} {name}") for x, name in zip(clean, batch["id"])]
    inputs = {**batch["inputs"], condition.modality: torch.stack(drawn)}
    changed: Batch = {**batch, "inputs": inputs}
    return changed


def add_noise(x: Tensor, snr_db: float, key: str) -> Tensor:
    """An input `[...]` with white noise of so many decibels below its own power.

    Args:
        x: of floating-point numbers.
        snr_db: 10 log₁₀ of the mean square of the input over that of the noise.
        key: what the noise is a function of.
    """
    digest = hashlib.sha256(key.encode()).digest()
    source = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    power = x.double().square().mean() * 10.0 ** (-snr_db / 10.0)
    noise = torch.randn(x.shape, generator=source, dtype=torch.float64).to(x.device)
    noisy: Tensor = x.double() + power.sqrt() * noise
    return noisy.to(x.dtype)
