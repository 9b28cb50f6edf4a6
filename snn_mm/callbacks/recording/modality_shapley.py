"""What each modality contributes while a network is trained."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from snn_mm.callbacks.recording.stages import Stage, StageRecorder
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError, check_range
from snn_mm.metrics.coalitions import (
    Worth,
    keep_only,
    predict,
    rows_seen,
    targets,
    worth_of,
    worth_of_nothing,
)
from snn_mm.metrics.contribution import (
    Coalition,
    coalitions,
    conditional_utilisation,
    shapley_values,
)
from snn_mm.neurons.spiking import unused

MOST = 6
"""Modalities up to which all 2^M coalitions are asked."""


class ModalityShapley(StageRecorder):
    """Log the Shapley value of each modality on the validation and test sets.

    `val/shapley/audio` is that of the accuracy against 1 / K (of scores: of minus the mean absolute
    error against the neutral score 0), so that the values of all modalities add up to what the
    network gains over one who sees nothing; `val/shapley_probability/audio` is the mean over
    samples of that of the probability of the true class, `val/utilisation/audio` the conditional
    utilisation given all others (Wu et al. 2022); of scores there is the first alone. A modality
    outside a coalition is absent (`present`); samples that have none of a coalition count as seeing
    nothing. See `snn_mm.metrics.contribution`.

    Every batch is asked 2^M − 1 times more, in which each encoder runs 2^(M − 1) times: with two
    modalities such a validation takes three times as long, its encoders' part of it, with three
    five times. The training is the same to the bit with and without.

    Args:
        every_n_epochs: how often in a training; a test is always measured.
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        check_range("ModalityShapley.every_n_epochs", every_n_epochs, 1)
        self.every_n_epochs = every_n_epochs
        self._sums: dict[Coalition, Tensor] | None = None
        self._is_classifier = True

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing; refuse what has too many modalities, or none."""
        modalities: Any = getattr(module, "modalities", ())
        if not 1 <= len(modalities) <= MOST:
            raise UserError(
                f"ModalityShapley: {type(module).__name__} has {len(modalities)} modalities; "
                f"accepted are 1 to {MOST}"
            )
        due = stage == "test" or (trainer.current_epoch + 1) % self.every_n_epochs == 0
        measured = due and not trainer.sanity_checking
        self._sums = (
            {each: torch.zeros(()) for each in coalitions(modalities)} if measured else None
        )

    @torch.no_grad()
    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Ask what every coalition is worth, unseen by monitors and without a draw."""
        if self._sums is None:
            return
        with isolate_rng(), unused(module):
            for coalition, sums in self._sums.items():
                found = coalition_worth(module, batch, coalition)
                self._is_classifier = found.right is not None
                self._sums[coalition] = sums.to(module.device) + torch.stack(
                    [
                        found.counted.sum(),
                        found.value.sum(),
                        found.value.new_ones(()) * len(found.value),
                    ]
                )

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log the values, over all ranks."""
        sums, self._sums = self._sums, None
        if sums is None or any(not each.dim() for each in sums.values()):
            return
        added = trainer.strategy.reduce(torch.stack(list(sums.values())), reduce_op="sum")
        means = added[:, :2] / added[:, 2:]  # [2^M, 2]
        counted, value = (dict(zip(sums, column)) for column in means.T)
        found = {"shapley": shapley_values(counted)}
        if self._is_classifier:
            found["shapley_probability"] = shapley_values(value)
            found["utilisation"] = conditional_utilisation(counted)
        for kind, values in found.items():
            for name, number in values.items():
                # The ranks agree already; Lightning asks all the same.
                module.log(f"{stage}/{kind}/{name}", number.float(), sync_dist=True)

    def release(self) -> None:
        """Start anew after anything was raised."""
        self._sums = None


def coalition_worth(module: Any, batch: Batch, coalition: Coalition) -> Worth:
    """What a coalition is worth for every sample of a batch.

    Args:
        module: in evaluation mode; has `modalities`, and `predict_step` of which `predict` can
            make something.
        batch: where the module is.
        coalition: those that are present; all samples that have none of them see nothing.
    """
    target = targets(module, batch, [FUSED])[FUSED]
    classes = getattr(module, "num_classes", None)
    worth = worth_of_nothing(target, classes)
    if not coalition:
        return worth
    rows = rows_seen(batch, coalition).nonzero().squeeze(-1)
    if not len(rows):
        return worth
    seen = keep_only(batch, module.modalities, coalition)
    said = worth_of(predict(module, seen)[FUSED], target[rows])
    value = worth.value.index_copy(0, rows, said.value)
    if worth.right is None or said.right is None:
        return Worth(value, None)
    return Worth(value, worth.right.index_copy(0, rows, said.right.double()))
