"""Keeps `config.yaml`, `environment.json` and `results.json` of a run up to date."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from snn_mm.callbacks.finite_guard import FiniteGuard
from snn_mm.callbacks.numerics import broken_weights, is_finite
from snn_mm.errors import UserError
from snn_mm.run.attempt import RunAttempt
from snn_mm.run.directory import (
    DIVERGED,
    FINISHED,
    RUNNING,
    RunDirectory,
    read_json,
    write_json,
    write_text,
)
from snn_mm.run.environment import describe_environment
from snn_mm.run.lock import RunLock
from snn_mm.run.replace import remove_leftovers

Metrics = dict[str, float | None]


class RunRecord(Callback):
    """Write what a run was and how it went; `results.json` is whole and valid at any time.

    Only rank zero writes, and no hook calls a collective.

    Args:
        run: the run directory.
        config: the whole config as YAML.
        best: the callback that keeps the best checkpoint.
        facts: further facts for `environment.json`, such as the seed.
        guard: what looks at the numbers; where none does, a run may end `diverged`.

    Attributes:
        attempt: what it has in common with the attempts whose state it goes on with.
        outcome: what `results.json` says of the run if it comes to its end.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: str,
        best: ModelCheckpoint,
        facts: dict[str, Any],
        guard: FiniteGuard | None = None,
    ) -> None:
        self.run = run
        self.config = config
        self.best = best
        self.facts = facts
        self.guard = guard
        self._best: dict[str, Any] = {}
        self._train_seconds = 0.0
        self._epoch_start = 0.0
        self._loss: Any = None
        self._diverged_in: int | None = None
        self.attempt = RunAttempt()
        self.outcome: dict[str, Any] = {"status": FINISHED}
        self.is_writer = False
        self._lock = RunLock(run)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the directory and note that the run is under way.

        Raises:
            UserError: the attempt goes on with a run of other data; nothing is written then.
        """
        if stage != "fit" or not trainer.is_global_zero:
            return
        environment = self._describe(trainer)
        for change in self.attempt.begin(environment):
            rank_zero_info(f"the run goes on, and {change}")
        self.run.create()
        self._lock.acquire()
        remove_leftovers(self.run.path, self.run.checkpoints, self.run.figures)
        self.is_writer = True
        write_text(self.run.config, self.config)
        self._write_environment(environment)
        self._write_preparation(trainer)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                self._upload_config(logger)
        identity = {"experiment": self.run.experiment, "run_id": self.run.run_id}
        deviations = self.attempt.deviations
        self.update(status=RUNNING, error=None, deviations=deviations, **identity)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._epoch_start = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the last loss, without waiting for the device."""
        self._loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note progress and, after a new best, the validation behind it."""
        self._train_seconds += time.perf_counter() - self._epoch_start
        self._note_divergence(trainer.current_epoch, pl_module)
        metrics = plain_metrics(trainer.callback_metrics)
        path, score = self.best.best_model_path, self.best.best_model_score
        if path and (score is None or plain(score) != self._best.get("score")):
            self._best = {
                "checkpoint": str(self.run.best.relative_to(self.run.path)),
                "monitor": self.best.monitor,
                "mode": self.best.mode,
                "score": plain(score),
                "epoch": trainer.current_epoch,
                "validation": select_stage(metrics, "val"),
            }
        self.update(
            epochs=trainer.current_epoch + 1,
            steps=trainer.global_step,
            train_seconds=round(self._train_seconds, 3),
            train=select_stage(metrics, "train"),
            validation=select_stage(metrics, "val"),
            best=self._best,
            **({"skipped_steps": self.guard.skipped} if self.guard and self.guard.skipped else {}),
        )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Settle how the training went: a test loads an older state of this callback too."""
        if self._diverged_in is not None:
            error = f"loss or weights were no finite numbers from epoch {self._diverged_in + 1} on"
            self.outcome = {"status": DIVERGED, "error": error}

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the test metrics."""
        self.update(test=plain_metrics(trainer.callback_metrics))

    def epoch_state(self, trainer: Trainer) -> dict[str, Any]:
        """Seconds since the epoch began."""
        return {"seconds": time.perf_counter() - self._epoch_start}

    def load_epoch_state(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Count them too."""
        self._epoch_start -= state["seconds"]

    def __getstate__(self) -> dict[str, Any]:
        """A copy writes nothing: the directory stays with the original."""
        return {**self.__dict__, "is_writer": False, "_lock": RunLock(self.run)}

    def state_dict(self) -> dict[str, Any]:
        """What is known of the best checkpoint and of a divergence, the time so far, the config.

        A run that goes on compares its settings and data with those of the checkpoint.
        """
        return {
            "best": self._best,
            "train_seconds": self._train_seconds,
            "diverged_in": self._diverged_in,
            "config": self.config,
            "circumstances": self.attempt.circumstances,
            "deviations": self.attempt.deviations,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self._best = state_dict["best"]
        self._train_seconds = state_dict["train_seconds"]
        self._diverged_in = state_dict.get("diverged_in")  # earlier versions did not note it

    def update(self, **fields: Any) -> None:
        """Merge fields into `results.json`; nothing on other ranks or before the run has begun."""
        if self.is_writer:
            write_json(self.run.results, {**read_json(self.run.results), **fields})

    def close(self, **fields: Any) -> None:
        """Merge the last fields and let go of the directory, also if they can't be written."""
        try:
            self.update(**fields)
        finally:
            self._lock.release()

    def _note_divergence(self, epoch: int, module: LightningModule) -> None:
        """Where nobody guards, look at where an epoch ended."""
        if self.guard is not None and self.guard.is_on:
            return
        if is_finite(self._loss) and not broken_weights(module):
            self._diverged_in = None
        elif self._diverged_in is None:
            self._diverged_in = epoch

    def _describe(self, trainer: Trainer) -> dict[str, Any]:
        """What `environment.json` says of this attempt."""
        fingerprint = getattr(trainer.datamodule, "fingerprint", None)  # type: ignore[attr-defined]
        return {
            **describe_environment(),
            **self.facts,
            "data": fingerprint() if callable(fingerprint) else None,
            "accelerator": type(trainer.accelerator).__name__,
            "ranks": trainer.world_size,
        }

    def _write_environment(self, attempt: dict[str, Any]) -> None:
        """Write it, and keep the attempts before: a resumed run has several."""
        before = read_json(self.run.environment)
        earlier = before.pop("earlier_attempts", [])
        attempts = [*earlier, before] if before else []
        write_json(self.run.environment, {**attempt, "earlier_attempts": attempts})

    def _write_preparation(self, trainer: Trainer) -> None:
        """Write what raw files are prepared by, where the data can say; training needs none."""
        with suppress(UserError):
            if found := getattr(trainer.datamodule, "preparation", None):  # type: ignore[attr-defined]
                write_json(self.run.preparation, found)

    def _upload_config(self, logger: WandbLogger) -> None:
        """Give W&B the same config; its run exists already, Lightning made it before this hook."""
        experiment = logger.experiment
        experiment.config.update(yaml.safe_load(self.config), allow_val_change=True)
        experiment.save(str(self.run.config), base_path=str(self.run.path), policy="now")


def plain(value: Tensor | float | None) -> float | None:
    """A number that JSON can hold; None for what is not finite."""
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def plain_metrics(metrics: Mapping[str, Tensor]) -> Metrics:
    """Metrics by name as plain numbers, in alphabetical order."""
    return {name: plain(metrics[name]) for name in sorted(metrics)}


def select_stage(metrics: Metrics, stage: str) -> Metrics:
    """The metrics of one stage."""
    return {name: value for name, value in metrics.items() if name.startswith(f"{stage}/")}
