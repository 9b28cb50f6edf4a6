"""Ω_e: the floating-point operations of one epoch of a run's training, counted once."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.utils.flop_counter import FlopCounterMode

from snn_mm.callbacks.modulation.base import Modulation
from snn_mm.commands.quiet import silence
from snn_mm.commands.training_cli import TrainCLI
from snn_mm.config.errors import user_message
from snn_mm.config.options import Command, read_command
from snn_mm.errors import UserError
from snn_mm.run.directory import write_json
from snn_mm.run.identity import DIRECTORY_VARIABLE

FILE_NAME = "cost.json"

TRIAL = (
    "--trainer.fast_dev_run=1",  # one batch of training and one of validation; no files
    "--trainer.accelerator=cpu",
    "--trainer.devices=1",
    "--trainer.num_nodes=1",
    "--trainer.strategy=auto",
    "--trainer.precision=32-true",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
)
"""None of these changes how many operations a step takes."""


class FlopSplit(Callback):
    """Splits the operations of a training into those of its batches and the rest of an epoch.

    The counter sees whatever runs between two hooks: forward and backward passes, joint heads,
    extra passes of a modulation. It must be the first callback. Validation is left out: it is the
    same for every method.

    Args:
        counter: counts while the training runs.

    Attributes:
        batches: number of training batches; `samples` of samples in them.
        in_batches: operations in them, a multiply-accumulate counted as two.
        outside: operations outside of batches, such as a pass over the data before an epoch.
    """

    def __init__(self, counter: FlopCounterMode) -> None:
        self.counter = counter
        self.batches = self.samples = self.in_batches = self.outside = self._seen = 0

    def book_outside(self, *_: Any, **__: Any) -> None:
        """Book what came since the last hook as outside of batches."""
        self.outside += self.since_last()

    on_train_batch_start = on_validation_start = on_fit_end = book_outside

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Book a batch."""
        self.in_batches += self.since_last()
        self.batches += 1
        self.samples += len(batch["target"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the validation."""
        self.since_last()

    def since_last(self) -> int:
        """Operations since this was asked last."""
        before, self._seen = self._seen, self.counter.get_total_flops()
        return self._seen - before


def count_epoch(run: Path, data_root: str | None = None) -> dict[str, Any]:
    """Count one training step of a run's own module, data and callbacks; write `cost.json`.

    One batch is trained on the CPU in float32, from new weights: matrix products and convolutions,
    forward and backward, cost the same whatever the weights are. Modulations act whether or not
    their window of epochs has begun. Operations of an epoch = those of the batch x batches of the
    epoch + what runs outside of batches.

    Args:
        run: a run directory.
        data_root: instead of `data.root` of the config, such as after data were moved.

    Returns:
        What was counted, as `cost.json` has it.

    Raises:
        UserError: the run cannot be built here, or its data are missing.
    """
    moved = [] if data_root is None else [f"--data.root={data_root}"]
    with trial() as scratch:
        places = [f"--run.root={scratch}", "--run.name=cost"]
        command = read_command(["fit", "--config", str(run / "config.yaml"), *TRIAL, *moved])
        command = Command(**{**vars(command), "arguments": [*command.arguments, *places]})
        try:
            counted = train_one_batch(command)
        except Exception as error:
            message = user_message(error, command)
            if message is None:
                raise
            raise UserError(f"cost of {run} cannot be counted: {message}") from error
    write_json(run / FILE_NAME, counted)
    return counted


def train_one_batch(command: Command) -> dict[str, Any]:
    """Train one batch and say what an epoch of such batches costs."""
    silence()
    cli = TrainCLI(command)
    trainer: Any = cli.trainer
    open_windows(trainer.callbacks)
    with FlopCounterMode(display=False) as counter:
        split = FlopSplit(counter)
        trainer.callbacks.insert(0, split)
        trainer.fit(cli.model, cli.datamodule)
    limit = cli.settings.trainer.limit_train_batches
    batches = limited(len(trainer.train_dataloader), limit)
    per_batch = split.in_batches // max(split.batches, 1)
    return {
        "flops_per_epoch": per_batch * batches + split.outside,
        "flops_per_batch": per_batch,
        "flops_outside_batches": split.outside,
        "batches": batches,
        "samples": batches * split.samples // max(split.batches, 1),
        "counter": f"torch.utils.flop_counter {torch.__version__}; 1 MAC = 2 FLOPs",
    }


def open_windows(callbacks: list[Callback]) -> None:
    """Let every modulation act from the first epoch on."""
    for callback in callbacks:
        if isinstance(callback, Modulation):
            callback.start_epoch, callback.end_epoch = 0, None


def limited(batches: int, limit: float | None) -> int:
    """Number of batches of an epoch by Lightning's rule: a whole number, or a share of them."""
    if limit is None:
        return batches
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


@contextmanager
def trial() -> Iterator[str]:
    """A directory for what a trial may write; environment and messages are left as they were."""
    before = os.environ.get(DIRECTORY_VARIABLE)
    messages = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    with tempfile.TemporaryDirectory() as scratch:
        messages.disabled = True  # they tell of the trial
        try:
            yield scratch
        finally:
            messages.disabled = False
            os.environ.pop(DIRECTORY_VARIABLE, None)
            if before is not None:
                os.environ[DIRECTORY_VARIABLE] = before
