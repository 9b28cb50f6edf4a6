"""Modality dropout: samples lose modalities while they are trained on, none loses all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.base import Modulation, epoch_of
from snn_mm.callbacks.modulation.functional.modality_dropout import kept_modalities, ramp
from snn_mm.callbacks.modulation.gradient import by_modality
from snn_mm.contracts import Batch
from snn_mm.errors import UserError, check_range

Per = Literal["sample", "batch"]


@dataclass(eq=False)
class ModalityDropout(Modulation):
    """Have modalities absent from training samples with a probability, but never all of them.

    It changes what the batch says of who is there (`present`), so that an absent modality carries
    no current and no gradient; what a fusion does then is its option `absent`. Values are not
    scaled: in evaluation all modalities are there. What is drawn depends on the seed, and with
    `per: sample` on epoch and id, with `per: batch` on the optimizer step: the same on any number
    of ranks and after a resume. A modality that a sample lacks anyway stays absent.

    Args:
        probability: of losing each modality, by name, or one for all. Samples that would lose all
            are drawn again, which makes losses a little rarer: with two modalities and 0.3 each is
            lost by 23 % of the samples.
        per: each `sample` for itself, or all samples of a `batch`, over ranks and accumulated
            micro-batches, at once.
        ramp_epochs: epochs from `start_epoch` on in which the probability rises from 0.
        seed: of what is drawn; without it the run's own seed.
    """

    name = "modality_dropout"
    min_modalities = 2
    lacks_modalities = True
    """DDP must look for parameters without a gradient."""

    probability: float | dict[str, float] = 0.3
    per: Per = "sample"
    ramp_epochs: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("ModalityDropout.ramp_epochs", self.ramp_epochs, 0)
        given = self.probability if isinstance(self.probability, dict) else {"": self.probability}
        for name, value in given.items():
            check_range(f"ModalityDropout.probability {name}".strip(), value, 0, 1)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modules without modalities, and probabilities that would leave none.

        Raises:
            UserError: says what is accepted.
        """
        names: tuple[str, ...] = getattr(pl_module, "modalities", ())
        if len(names) < self.min_modalities:
            raise UserError(
                f"trainer.callbacks: ModalityDropout needs at least {self.min_modalities} "
                f"modalities; the model has {', '.join(names) or 'none'} alone"
            )
        given = self.probability if isinstance(self.probability, dict) else {}
        if unknown := sorted(set(given) - set(names)):
            raise UserError(
                f"ModalityDropout.probability: the model has no {', '.join(unknown)}; "
                f"accepted: {', '.join(names)}"
            )
        if min(self.probabilities(names, 1.0).values()) >= 1:
            raise UserError(
                "ModalityDropout.probability: every modality would always be lost; accepted: less "
                "than 1 for one of them"
            )

    def probabilities(self, modalities: tuple[str, ...], scale: float) -> dict[str, float]:
        """Probability of losing each modality, times a scale."""
        given = self.probability
        if isinstance(given, dict):
            return {name: scale * given.get(name, 0.0) for name in modalities}
        return dict.fromkeys(modalities, scale * given)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Say which samples have which modalities, before the step looks."""
        epoch = epoch_of(trainer, pl_module)
        if not self.is_active(epoch):
            return
        scale = ramp(epoch - self.start_epoch, self.ramp_epochs)
        probabilities = self.probabilities(pl_module.modalities, scale)  # type: ignore[arg-type]
        self.factors = by_modality("p", probabilities)
        self.log_factors(pl_module)
        run_seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        seed = run_seed if self.seed is None else self.seed
        drawn: list[tuple[object, ...]]
        if self.per == "batch":
            drawn = [(seed, "step", trainer.global_step)] * len(batch["id"])
        else:
            drawn = [(seed, trainer.current_epoch, name) for name in batch["id"]]
        drop(batch, probabilities, drawn)


def drop(batch: Batch, probabilities: dict[str, float], drawn_by: list[tuple[object, ...]]) -> None:
    """Make modalities of a batch absent, in place; tensors are replaced, not changed.

    Args:
        batch: N samples.
        probabilities: of losing each modality.
        drawn_by: for each sample what decides its draw.
    """
    samples, device = len(drawn_by), batch["target"].device
    told = {name: mask.tolist() for name, mask in batch.get("present", {}).items()}
    there = {name: told.get(name, [True] * samples) for name in probabilities}
    kept = [
        kept_modalities({name: p for name, p in probabilities.items() if there[name][row]}, *words)
        for row, words in enumerate(drawn_by)
    ]
    masks = {name: [name in own for own in kept] for name in probabilities}
    new = {name: mask for name, mask in masks.items() if mask != there[name]}
    if not new:
        return
    stacked = torch.tensor(list(new.values())).to(device)  # [M, N], in one piece
    present = dict(zip(new, stacked.unbind(), strict=True))
    batch["present"] = {**batch.get("present", {}), **present}
    if "lengths" in batch:
        lengths = batch["lengths"]
        batch["lengths"] = {**lengths, **_emptied(lengths, present)}


def _emptied(lengths: dict[str, Tensor], present: dict[str, Tensor]) -> dict[str, Tensor]:
    """Lengths `[N]`, 0 for the samples that are not there."""
    own = {name: mask for name, mask in present.items() if name in lengths}
    return {name: lengths[name] * mask.to(lengths[name].device) for name, mask in own.items()}
