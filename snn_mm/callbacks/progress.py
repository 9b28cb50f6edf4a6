"""What a training shows while it runs: a bar on a terminal, else one plain line per epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    ModelSummary,
    ProgressBar,
    RichModelSummary,
    RichProgressBar,
)
from torch import Tensor

PRINTED = ("train/loss", "val/loss", "val/mae/fused", "val/corr/fused")
"""Metrics in the line, beside every `val/accuracy/...`; a module logs some of them."""


class LossBar(RichProgressBar):
    """Lightning's bar with the loss of the last step, and epochs counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self._loss: Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember the loss."""
        self._loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the means of the epoch, which all ranks make: the bar is on the first alone."""
        _ = trainer.progress_bar_metrics
        super().on_train_epoch_end(trainer, pl_module)

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands behind the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)  # the end of the run's id
        return metrics if self._loss is None else {"loss": float(self._loss), **metrics}

    def _get_train_description(self, current_epoch: int) -> str:
        last = self.trainer.max_epochs
        total = "" if last is None or last < 0 else f"/{last}"
        return f"{f'Epoch {current_epoch + 1}{total}':{len(self.validation_description)}}"


class ShortSummary(RichModelSummary):
    """Lightning's summary without FLOPs: it counts none where a module has no example input."""

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],
        total_flops: int,
        **summarize_kwargs: Any,
    ) -> None:
        """Print a line for each part, and the number of parameters."""
        from rich import get_console
        from rich.table import Table

        columns = {name: cells for name, cells in summary_data if name != "FLOPs"}
        table = Table(*columns, header_style="bold")
        for row in zip(*columns.values()):
            table.add_row(*row)
        console = get_console()
        console.print(table)
        frozen = total_parameters - trainable_parameters
        console.print(
            f"{total_parameters:,} parameters"
            + (f", {frozen:,} of them not trained" if frozen else "")
            + f", {model_size:.3g} MB"
        )


class PlainProgress(Callback):
    """Print epoch, losses, main scores and duration at the end of every epoch."""

    def __init__(self) -> None:
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line; all ranks read what it says, for the first to read reduces over ranks."""
        metrics = dict(trainer.callback_metrics)
        if trainer.is_global_zero:
            epoch, last = trainer.current_epoch + 1, trainer.max_epochs
            seconds = time.monotonic() - self._started
            line = format_epoch(epoch, last, metrics, seconds)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def format_epoch(epoch: int, last: int | None, metrics: dict[str, Tensor], seconds: float) -> str:
    """One line such as `epoch 2/10  train/loss 0.512  val/accuracy/fused 0.871  4.2 s`."""
    scores = [
        f"{name} {float(value):.3f}"
        for name, value in sorted(metrics.items())
        if name in PRINTED or name.startswith("val/accuracy/")
    ]
    total = "" if last is None or last < 0 else f"/{last}"
    return "  ".join([f"epoch {epoch}{total}", *scores, f"{seconds:.1f} s"])


def shown_progress(options: Any, given: Sequence[Callback]) -> list[Callback]:
    """What shows how a run goes on, instead of Lightning's own, which it turns off.

    Args:
        options: what the config has below `trainer`.
        given: callbacks of the config, one of which may be a bar or a summary.
    """
    own_bar = any(isinstance(callback, ProgressBar) for callback in given)
    own_summary = any(isinstance(callback, ModelSummary) for callback in given)
    shown: list[Callback] = []
    if options.enable_progress_bar is not False and not own_bar:
        if sys.stdout.isatty():
            shown = [LossBar()]
        else:
            options.enable_progress_bar = options.enable_model_summary = False
            shown = [PlainProgress()]
    if options.enable_model_summary is not False and not own_summary:
        shown.append(ShortSummary())
        options.enable_model_summary = False
    return shown
