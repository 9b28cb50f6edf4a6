"""The skeleton of what measures validations and tests."""

from __future__ import annotations

from typing import Any, Literal

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from snn_mm.contracts import Batch

Stage = Literal["val", "test"]


class StageRecorder(Callback):
    """Base of what gathers over a validation or a test and records at its end."""

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing."""

    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Take in a batch, after its step."""

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log and write."""

    def release(self) -> None:
        """Leave no hooks behind; also where anything was raised."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin."""
        self.begin(trainer, pl_module, "val")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin."""
        self.begin(trainer, pl_module, "test")

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Gather."""
        self.gather(trainer, pl_module, batch)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Gather."""
        self.gather(trainer, pl_module, batch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record."""
        self.record(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record."""
        self.record(trainer, pl_module, "test")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Release."""
        self.release()


def validates_training(trainer: Trainer) -> bool:
    """Whether this validation is one of a training."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
