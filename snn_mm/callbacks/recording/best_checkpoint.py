"""`best.ckpt`: the weights of the best validation, and a check of what "best" is measured by."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from snn_mm.callbacks.numerics import broken_weights
from snn_mm.callbacks.recording.run_files import callbacks_of
from snn_mm.errors import UserError


class BestCheckpoint(ModelCheckpoint):
    """Keep the checkpoint of the best validation as `best.ckpt`; a score of NaN is none.

    Args:
        monitor: name of the metric that decides.
        mode: whether more of it is better or less.
    """

    def __init__(
        self, monitor: str = "val/accuracy/fused", mode: Literal["min", "max"] = "max"
    ) -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=False,  # at the end of validation, before records look at it
        )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a metric that the module never logs, before any training."""
        names = getattr(pl_module, "metric_names", None)
        if callable(names):
            check_monitor("checkpoint.monitor", str(self.monitor), names())
            for callback in callbacks_of(trainer):
                monitor = getattr(callback, "monitor", None)
                if isinstance(monitor, str) and is_misspelt(monitor, names()):
                    key = f"trainer.callbacks ({type(callback).__name__}): monitor"
                    check_monitor(key, monitor, names())

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether this is a new best: never a score that is not finite, nor such weights."""
        agree = trainer.strategy.reduce_boolean_decision  # what follows is decided together
        if current is None or not agree(bool(torch.isfinite(current))):
            return False
        if not super().check_monitor_top_k(trainer, current):
            return False
        return bool(agree(not broken_weights(trainer.lightning_module)))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score, also when the run directory was moved."""
        folder = Path(str(self.dirpath))

        def moved(path: str) -> str:
            return str(folder / Path(path).name) if path else path

        models = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        super().load_state_dict(
            {
                **state_dict,
                **{key: moved(state_dict[key]) for key in paths},
                "best_k_models": models,
                "dirpath": self.dirpath,
            }
        )


def is_misspelt(monitor: str, names: list[str]) -> bool:
    """Whether a monitor is nearly one of the names; others may be logged by a callback."""
    return monitor not in names and bool(difflib.get_close_matches(monitor, names, cutoff=0.85))


def check_monitor(key: str, monitor: str, names: list[str]) -> None:
    """Refuse a monitor that is none of the names, with the nearest ones.

    Raises:
        UserError: no such metric.
    """
    if monitor not in names:
        nearest = difflib.get_close_matches(monitor, names, n=3, cutoff=0.3) or names[:3]
        raise UserError(
            f"{key}: the model logs no metric {monitor!r}\nnearest: {', '.join(nearest)}"
        )
