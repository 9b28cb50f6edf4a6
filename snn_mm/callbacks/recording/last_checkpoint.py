"""`last.ckpt`: written between two batches or two epochs, so that a resumed run goes on exactly."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException

from snn_mm.callbacks.recording.epoch_state import add_logged, gather_epoch, restore_epoch
from snn_mm.callbacks.recording.rank_agreement import (
    RankAgreement,
    ValidationAgreement,
    agreed,
    check_end,
    check_even,
)
from snn_mm.errors import UserError, check_range
from snn_mm.run.directory import RunDirectory
from snn_mm.run.metrics_file import MetricsFile
from snn_mm.run.position import catch_up
from snn_mm.run.stop_request import StopRequest


class LastCheckpoint(Callback):
    """Save the state between two epochs, and amid them; must be the first callback of its trainer.

    `ModelCheckpoint` saves before learning-rate schedules advance and before metrics reach the
    loggers. Nothing is left to do only when the next epoch or batch starts, or training ends.
    There too a training obeys SIGTERM, and SLURM's signal ahead of the time limit, so that nothing
    is lost; a validation is left at once, and repeated.

    Args:
        run: the run directory.
        every_minutes: time from one save to the next, at the end of a window of accumulated
            gradients; None saves between epochs alone.
        every_steps: optimizer steps from one save amid an epoch to the next; None: by time alone.
    """

    def __init__(
        self,
        run: RunDirectory,
        every_minutes: float | None = None,
        every_steps: int | None = None,
    ) -> None:
        if every_minutes is not None:
            check_range("run.save_every_minutes", every_minutes, 0)
        if every_steps is not None:
            check_range("run.save_every_steps", every_steps, 1)
        self.run = run
        self.every_minutes, self.every_steps = every_minutes, every_steps
        self.stop, self.ranks = StopRequest(), RankAgreement()
        self.validation = ValidationAgreement()
        self._saved_at = time.monotonic()
        self._should_stop = False
        self._first_step = 0
        self._is_between_epochs = False
        self._has_validated = False
        self._gathered: list[dict[str, Any]] | None = None
        self._logged: dict[str, Any] = {}

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
        self._saved_at = time.monotonic()
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.truncate(self._first_step)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a fresh epoch: under `max_steps` Lightning would mend the one that is over.

        Raises:
            UserError: ranks have sums of their own, and now there are others; or ranks differ in
                their number of batches.
        """
        self.stop.listen(requeue_signal(trainer))
        check_even(trainer)
        ranks = len(self._gathered or ())
        if ranks not in (0, trainer.world_size):
            raise UserError(
                f"the checkpoint lies amid an epoch of {ranks} ranks, and now there are "
                f"{trainer.world_size}\naccepted: as many ranks as before"
            )
        catch_up(trainer)
        if self._is_between_epochs:
            trainer.fit_loop._restarting = trainer.fit_loop.epoch_loop.restarting = False
            self._is_between_epochs = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the state after the epoch before."""
        self.ranks.begin(0)
        if trainer.current_epoch > 0:
            progress = trainer.fit_loop.epoch_progress
            self._save(trainer, (progress.total, progress.current))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Go on with what the epoch had gathered; save the state after the batch before."""
        check_end(trainer)
        if self._gathered is not None:
            self.ranks.begin(batch_idx + 1)
            state, self._gathered = self._gathered[trainer.global_rank], None
            restore_epoch(trainer, state, self)
            self._logged = dict(state["logged"])
            return
        if self._logged:
            add_logged(trainer, self._logged)
        if batch_idx > 0 and self._is_time(trainer, batch_idx):
            self._gathered = gather_epoch(trainer, self._logged)
            progress = trainer.fit_loop.epoch_loop.batch_progress
            self._save(trainer, (progress.total, progress.current))
            self._gathered = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """The batch has begun after the last validation."""
        self._has_validated = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have the ranks know how long they can ask each other."""
        self.validation.begin_validation(trainer)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        """Leave a validation when the training shall stop, all ranks together."""
        if self.validation.ask_after_batch(trainer, self.stop.is_made):
            self._leave(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that Lightning would count the batch before twice if a run went on from here."""
        self._has_validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have all sums together, and make the means of the epoch, on every rank alike.

        Lightning makes them when they are first asked for, which is a collective: a progress bar of
        the first rank alone would ask amid what later callbacks send.
        """
        add_logged(trainer, self._logged)
        self._logged = {}
        _ = trainer.callback_metrics

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the state after the last epoch."""
        self._save(trainer, ())

    def state_dict(self) -> dict[str, Any]:
        """Whether training was told to stop, and what each rank has gathered amid an epoch."""
        return {"should_stop": self._should_stop, "gathered": self._gathered}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self._should_stop = state_dict["should_stop"]
        self._gathered = state_dict.get("gathered")  # earlier versions saved between epochs alone

    def _is_time(self, trainer: Trainer, batch_idx: int) -> bool:
        """Whether to save before this batch; the same on every rank."""
        if self._has_validated or batch_idx % trainer.accumulate_grad_batches:
            return False
        seconds, minutes = time.monotonic() - self._saved_at, self.every_minutes
        over = minutes is not None and seconds >= 60 * minutes
        asked = self.ranks.ask(trainer, batch_idx, over or self.stop.is_made)
        return asked or bool(self.every_steps and trainer.global_step % self.every_steps == 0)

    def _save(self, trainer: Trainer, begun: Iterable[Any]) -> None:
        self._should_stop = trainer.should_stop
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.save()
        weights_alone = False  # not given, Lightning prints a line about it at every save
        with not_begun(begun):
            trainer.save_checkpoint(self.run.last, weights_alone)
        self._saved_at = time.monotonic()
        if agreed(trainer, self.stop.is_made)[0]:
            self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        """End the training, which every rank does; have it go on later."""
        if trainer.is_global_zero:
            self.stop.requeue()
        raise SIGTERMException


@contextmanager
def not_begun(counters: Iterable[Any]) -> Iterator[None]:
    """Counters of what is `ready` without what has only just begun.

    Lightning counts the coming epoch or batch before its start hooks. Seen from a resumed run it is
    not: with equal counters the loops start afresh instead of mending what is under way.
    """
    counters = tuple(counters)
    for counter in counters:
        counter.ready -= 1
    try:
        yield
    finally:
        for counter in counters:
            counter.ready += 1


def requeue_signal(trainer: Any) -> int | None:
    """The signal by which SLURM tells that the time limit is near; None without SLURM."""
    environment = trainer._accelerator_connector.cluster_environment
    if isinstance(environment, SLURMEnvironment) and environment.auto_requeue:
        return environment.requeue_signal
    return None


def is_between_epochs(checkpoint: dict[str, Any]) -> bool:
    """Whether a checkpoint is of a training that has no epoch under way."""
    loop = checkpoint["loops"]["fit_loop"]
    return ended_epoch(checkpoint) and bool(loop["epoch_loop.batch_progress"]["is_last_batch"])


def ended_epoch(checkpoint: dict[str, Any]) -> bool:
    """Whether Lightning took the last epoch for over, be it that `max_steps` cut it short."""
    progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]["total"]
    return bool(progress["ready"] == progress["processed"])
