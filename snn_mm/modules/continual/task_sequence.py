"""What every module that learns classes in tasks shares: growth, teacher, matrix, checkpoints."""

from __future__ import annotations

import os
from typing import Any, Literal

import torch
from lightning import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor, nn
from torch.nn.functional import pad

from snn_mm.callbacks.evaluation import evaluating, on_device
from snn_mm.callbacks.recording.task_matrix import MatrixRecord
from snn_mm.contracts import FUSED, Batch, Presence, StepOutput
from snn_mm.encoders.inputs import Inputs, lengths_of
from snn_mm.errors import UserError
from snn_mm.metrics.continual import TaskAccuracies
from snn_mm.metrics.continual_scores import continual_scores
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.continual.checks import (
    check_epochs,
    check_selection,
    check_stopping,
    check_test,
)
from snn_mm.modules.continual.growth import resize, row_generator
from snn_mm.modules.continual.renewal import check_strategy, renew_training
from snn_mm.modules.continual.selection import BestOfTask, State, copied_weights
from snn_mm.modules.continual.teacher import Teacher, extract_features
from snn_mm.modules.data_check import check_against_data
from snn_mm.modules.task import Stage, TaskModule
from snn_mm.presence import presence_of

SELECTION = "val/selection"
"""Logged after each validation; highest where the weights are that the training ends with."""

CHECKPOINT_KEY = "continual"


class TaskSequenceModule(MultimodalModule):
    """Base of modules that learn classes in tasks; a task is so many epochs of one `fit`.

    At the start of a task the classifier and the heads get rows for its classes, the network as it
    was becomes the teacher, and optimizer and schedule begin anew. At its end the weights of its
    best validation are taken, and the network is tested on all classes seen: a row of the matrix.

    A subclass calls `begin_sequence` when it is built, and says what a step minimises.
    """

    trunk: nn.Module | None
    has_teacher: bool
    starts_anew: bool

    def begin_sequence(self, classes_per_task: int, select: Literal["best", "last"]) -> None:
        """Cut the classifiers, built for all classes, down to those of the first task."""
        self.total_classes, self.classes_per_task = self.num_classes, classes_per_task
        self.select = select
        self.best = BestOfTask()
        self.initial: State | None = None
        self.matrix: list[list[float]] = []
        self.row = TaskAccuracies([classes_per_task] * (self.num_classes // classes_per_task))
        self._teacher: tuple[Teacher, ...] = ()  # in no registry: not trained, nor in state_dict
        self._resize(task=0)

    @property
    def data(self) -> Any:
        """The data module, which knows the tasks."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    @property
    def teacher(self) -> Teacher | None:
        """The network at the end of the previous task; None in the first, or if unneeded."""
        return self._teacher[0] if self._teacher else None

    @property
    def modulation_epoch(self) -> int:
        """The epoch within its task, from 0, before and after the classifier has grown."""
        epoch: int = self.trainer.current_epoch
        first: int = self.data.task_of_epoch(epoch) * self.data.epochs_per_task
        return epoch - first

    @property
    def tasks(self) -> tuple[range, ...]:
        """Classes of each task seen so far."""
        size = self.classes_per_task
        return tuple(range(size * task, size * (task + 1)) for task in range(self.task + 1))

    def metric_names(self) -> list[str]:
        """Every name that validation logs."""
        return [*super().metric_names(), SELECTION]

    def configure_callbacks(self) -> list[Callback]:
        """What writes the matrix into the run directory."""
        attached = any(isinstance(each, MatrixRecord) for each in self.trainer.callbacks)  # type: ignore[attr-defined]
        return [] if attached else [MatrixRecord()]

    def setup(self, stage: str) -> None:
        """Check the module against trainer and data before the first batch."""
        TaskModule.setup(self, stage)  # not its base's, which asks for the classes of now
        check_against_data(self.modalities, self.total_classes, self.data)
        if stage in ("fit", "test"):
            check_test(self.trainer, stage)
        if stage == "fit":
            check_strategy(self.trainer)
            tasks = self.total_classes // self.classes_per_task
            check_epochs(self.trainer, tasks, self.data.epochs_per_task)
            check_stopping(self.trainer)
            check_selection(self.trainer, SELECTION)

    def encode(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Inputs
    ) -> dict[str, Tensor]:
        """Features `[T, N, D]` by modality, zero for samples that lack it."""
        extracted = extract_features(self.encoders, self.trunk, inputs, False, present, **lengths)
        return extracted.features

    def on_train_start(self) -> None:
        """Move a teacher that a checkpoint held to where the network is; keep initial weights."""
        if self.teacher is not None:
            self.teacher.to(self.device)
        if self.starts_anew and self.initial is None:
            self.initial = copied_weights(self)

    def on_train_epoch_start(self) -> None:
        """Begin the next task, if this is its first epoch.

        `last.ckpt` of the epoch before is written by now, for its callback comes first: it holds
        the old sizes, and a run that is resumed from it grows here again, in the same way.
        """
        task = self.data.task_of_epoch(self.trainer.current_epoch)
        if task > self.task:
            if self.has_teacher:
                self._teacher = (Teacher(self.encoders, self.fusion, self.trunk),)
            if self.initial is not None:
                self._resize(task=0)
                self.load_state_dict(self.initial)
            seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
            self._resize(task, row_generator(seed, task))
            renew_training(self.trainer)

    def _resize(self, task: int, rows: torch.Generator | None = None) -> None:
        """Have the classifiers that a task has."""
        self.task = task
        self.num_classes = (task + 1) * self.classes_per_task
        resize(self.fusion, self.num_classes, rows)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """One validation step.

        None in the sanity check of a run that is resumed between two tasks: its data are those of
        the task that begins with the first epoch.
        """
        if not self.trainer.sanity_checking or self.data.task <= self.task:
            super().validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log what selects a checkpoint, and keep the weights if they are the task's best."""
        if self.trainer.sanity_checking:
            return
        metrics: Any = self.val_metrics
        accuracy, epoch = float(metrics[FUSED].compute()), float(self.trainer.current_epoch)
        # An accuracy is at most 1: any epoch of a later task comes before those of earlier ones.
        selection = 2.0 * self.task + accuracy if self.select == "best" else epoch
        self.log(SELECTION, selection, sync_dist=True)  # ranks agree; Lightning asks all the same
        if self.trainer.state.fn == TrainerFn.FITTING and self.select == "best":
            self.best.offer(accuracy, self)

    def on_train_epoch_end(self) -> None:
        """At the end of a task, take its best weights and test them."""
        if self.modulation_epoch == self.data.epochs_per_task - 1:
            self.best.restore(self)
            self.test_tasks()
            self._log_row()

    @torch.no_grad()
    def test_tasks(self) -> None:
        """Count the right predictions on this rank's share of the test samples of classes seen."""
        self.row.reset()
        with evaluating(self), isolate_rng(), self.trainer.precision_plugin.forward_context():
            for given in self.data.test_dataloader():
                batch = on_device(given, self.trainer)
                there, lengths = presence_of(batch, self.modalities), lengths_of(self, batch)
                logits = self.readout(self(batch["inputs"], *there, **lengths))
                self.row.update(logits[FUSED].argmax(dim=-1), batch["target"])

    def on_test_epoch_start(self) -> None:
        """Count anew."""
        self.row.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """One test step."""
        super().test_step(batch, batch_idx)
        if self.step is not None:
            self.row.update(self.step.logits[FUSED].argmax(dim=-1), batch["target"])

    def on_test_epoch_end(self) -> None:
        """Complete the matrix by what the loaded weights know."""
        self._log_row()

    def _log_row(self) -> None:
        """Make what was counted the row of the current task; log it and the scores so far."""
        row: list[float] = self.row.compute().tolist()
        self.matrix = [*self.matrix[: self.task], row]
        for task, accuracy in enumerate(row[: self.task + 1]):
            self.log(f"test/accuracy/task_{task}", accuracy, sync_dist=True)
        if len(self.matrix) == self.task + 1:  # else rows of earlier tasks are unknown
            known = torch.tensor(self.matrix)[:, : self.task + 1]  # [k, k]
            for name, score in continual_scores(known).items():
                if self.task > 0 or "forgetting" not in name:
                    self.log(f"test/{name}", float(score), sync_dist=True)

    def log_accuracies(self, step: StepOutput, stage: Stage) -> None:
        """Rate predictions of a step, by modality and fused."""
        unseen = self.total_classes - self.num_classes  # metrics know all classes from the start
        padded = {name: pad(x, (0, unseen), value=-torch.inf) for name, x in step.logits.items()}
        super().log_accuracies(step._replace(logits=padded), stage)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the task, the teacher, the task's best and the initial weights, and the matrix."""
        checkpoint[CHECKPOINT_KEY] = {
            "task": self.task,
            "teacher": self.teacher.state_dict() if self.teacher is not None else None,
            "best": self.best.state_dict(),
            "initial": self.initial,
            "matrix": self.matrix,
        }

    def match_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Have the classifiers that a checkpoint has; nothing if it is of another model."""
        if CHECKPOINT_KEY in checkpoint:
            self._resize(checkpoint[CHECKPOINT_KEY]["task"])

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore what `on_save_checkpoint` added; parameters follow."""
        if CHECKPOINT_KEY not in checkpoint:
            raise UserError("the checkpoint knows no tasks: it is not of a continual model")
        self.match_checkpoint(checkpoint)
        saved = checkpoint[CHECKPOINT_KEY]
        self.matrix = [list(row) for row in saved["matrix"]]
        self.best.load_state_dict(saved["best"])
        self.initial = saved.get("initial")  # absent before methods could start anew
        self._teacher = ()
        if saved["teacher"] is not None:
            teacher = Teacher(self.encoders, self.fusion, self.trunk)
            resize(teacher.fusion, self.task * self.classes_per_task)
            teacher.load_state_dict(saved["teacher"])
            self._teacher = (teacher.to(self.device),)
