"""How well each class is told from the others: confusion matrix, macro F1, balanced accuracy."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from snn_mm.callbacks.recording.run_files import callbacks_of
from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.callbacks.recording.stages import Stage, StageRecorder
from snn_mm.contracts import FUSED, Batch, LeavesStep, StepOutput
from snn_mm.metrics.class_scores import balanced_accuracy, class_scores, macro_f1


class ConfusionRecorder(StageRecorder):
    """Log balanced accuracy and macro F1 of every evaluation, and keep the test's confusion matrix.

    `results.json` has it as `classes`: names, `confusion` by head (row: the class, column: what it
    was taken for), and precision, recall and F1 of each class. Balanced accuracy is the mean recall
    of the classes that have samples, macro F1 the mean F1 of those that have samples or were
    predicted, as scikit-learn computes both. Validation rates the fused head alone.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Tensor] = {}
        self._heads: tuple[str, ...] | None = None
        self._classes = 0

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing; what predicts no classes has nothing to count."""
        self._counts = {}
        classes = getattr(module, "total_classes", getattr(module, "num_classes", None))
        self._classes = (
            classes if isinstance(classes, int) and isinstance(module, LeavesStep) else 0
        )
        self._heads = None if stage == "test" else (FUSED,)

    @torch.no_grad()
    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Count what the last step predicted."""
        step: Any = getattr(module, "step", None) if self._classes else None
        if not isinstance(step, StepOutput):  # sentiment leaves its step as it likes
            return
        for name in self._heads or step.logits:
            logits, target = rated(step, name)
            counts = multiclass_confusion_matrix(
                logits.argmax(dim=1), target, self._classes, validate_args=False
            )
            self._counts[name] = self._counts.get(name, 0) + counts

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log the scores; after a test write the matrices."""
        if trainer.sanity_checking or not self._counts:
            return
        total = trainer.strategy.reduce(torch.stack([*self._counts.values()]), reduce_op="sum")
        found = dict(zip(self._counts, total.tolist()))
        for name, matrix in found.items():
            scores = {"balanced_accuracy": balanced_accuracy(matrix), "f1_macro": macro_f1(matrix)}
            for kind, value in scores.items():
                if value is not None:
                    module.log(f"{stage}/{kind}/{name}", value, sync_dist=True)  # the ranks agree
        if stage == "test":
            self._write(trainer, found)

    def _write(self, trainer: Trainer, found: dict[str, list[list[int]]]) -> None:
        records = [each for each in callbacks_of(trainer) if isinstance(each, RunRecord)]
        data = getattr(trainer, "datamodule", None)
        names = [str(name) for name in getattr(data, "class_names", range(self._classes))]
        for record in records:
            record.update(classes=described(names, found))


def rated(step: StepOutput, name: str) -> tuple[Tensor, Tensor]:
    """Logits `[n, K]` and classes `[n]` of a head: of the samples that have its modality."""
    present = (step.present or {}).get(name)
    logits = step.logits[name]
    return (logits, step.target) if present is None else (logits[present], step.target[present])


def described(names: list[str], found: dict[str, list[list[int]]]) -> dict[str, Any]:
    """What `results.json` says of the classes.

    Args:
        names: of the K classes.
        found: the confusion matrix `[K][K]` by head.
    """
    by_class = {
        head: [
            {"class": name, **score._asdict()}
            for name, score in zip(names, class_scores(matrix), strict=False)
        ]
        for head, matrix in found.items()
    }
    return {"names": names, "confusion": found, "scores": by_class}
