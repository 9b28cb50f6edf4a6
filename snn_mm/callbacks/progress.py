"""Progress where a progress bar would flood the log: one plain line per epoch."""

from __future__ import annotations

import sys
import time

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

SHOWN = ("train/loss", "val/loss", "val/mae/fused", "val/corr/fused")
"""Metrics in the line, beside every `val/accuracy/...`; a module logs some of them."""


class PlainProgress(Callback):
    """Print epoch, losses, main scores and duration at the end of every epoch."""

    def __init__(self) -> None:
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line."""
        if trainer.is_global_zero:
            epoch, last = trainer.current_epoch + 1, trainer.max_epochs
            seconds = time.monotonic() - self._started
            line = format_epoch(epoch, last, dict(trainer.callback_metrics), seconds)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def format_epoch(epoch: int, last: int | None, metrics: dict[str, Tensor], seconds: float) -> str:
    """One line such as `epoch 2/10  train/loss 0.512  val/accuracy/fused 0.871  4.2 s`."""
    shown = [
        f"{name} {float(value):.3f}"
        for name, value in sorted(metrics.items())
        if name in SHOWN or name.startswith("val/accuracy/")
    ]
    total = "" if last is None or last < 0 else f"/{last}"
    return "  ".join([f"epoch {epoch}{total}", *shown, f"{seconds:.1f} s"])
