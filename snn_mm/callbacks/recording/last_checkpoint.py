"""`last.ckpt`: written where an epoch is wholly over, so that a resumed run goes on exactly."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer

from snn_mm.run.directory import RunDirectory
from snn_mm.run.metrics_file import MetricsFile


class LastCheckpoint(Callback):
    """Save the state between two epochs; must be the first callback of its trainer.

    `ModelCheckpoint` saves before learning-rate schedules advance and before the epoch's metrics
    reach the loggers. Nothing is left to do only when the next epoch starts, or training ends.

    Args:
        run: the run directory.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._should_stop = False
        self._first_step = 0
        self._is_between_epochs = False

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Learn with which logging step a resumed run begins, and whether it begins an epoch."""
        loop = checkpoint["loops"]["fit_loop"]
        self._first_step = loop["epoch_loop.state_dict"]["_batches_that_stepped"]
        self._is_between_epochs = is_between_epochs(checkpoint)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where the resumed run had been stopped early; forget what it logs again."""
        trainer.should_stop = self._should_stop
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.truncate(self._first_step)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a fresh epoch: under `max_steps` Lightning would mend the one that is over."""
        if self._is_between_epochs:
            trainer.fit_loop._restarting = trainer.fit_loop.epoch_loop.restarting = False
            self._is_between_epochs = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the state after the epoch before."""
        if trainer.current_epoch > 0:
            self._save(trainer, started_epochs=1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the state after the last epoch."""
        self._save(trainer, started_epochs=0)

    def state_dict(self) -> dict[str, Any]:
        """Whether training was told to stop."""
        return {"should_stop": self._should_stop}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self._should_stop = state_dict["should_stop"]

    def _save(self, trainer: Trainer, started_epochs: int) -> None:
        self._should_stop = trainer.should_stop
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.save()
        # Lightning counts the coming epoch as `ready` before its start hooks. Seen from a resumed
        # run it is not: with equal counters the loops start a fresh epoch instead of mending one.
        progress = trainer.fit_loop.epoch_progress
        for counter in (progress.total, progress.current):
            counter.ready -= started_epochs
        try:
            weights_alone = False  # not given, Lightning prints a line about it at every save
            trainer.save_checkpoint(self.run.last, weights_alone)
        finally:
            for counter in (progress.total, progress.current):
                counter.ready += started_epochs


def is_between_epochs(checkpoint: dict[str, Any]) -> bool:
    """Whether a checkpoint is of a training that has no epoch under way."""
    loop = checkpoint["loops"]["fit_loop"]
    return ended_epoch(checkpoint) and bool(loop["epoch_loop.batch_progress"]["is_last_batch"])


def ended_epoch(checkpoint: dict[str, Any]) -> bool:
    """Whether Lightning took the last epoch for over, be it that `max_steps` cut it short."""
    progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]["total"]
    return bool(progress["ready"] == progress["processed"])
