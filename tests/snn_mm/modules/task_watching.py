"""What tests of a sequence of tasks watch a training with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning import Callback, LightningModule, Trainer

from snn_mm.modules import ContinualModule


class Stop(Callback):
    """Ends the process in the middle of an epoch, as a kill does."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch == self.epoch:
            raise InterruptedError


class Watch(Callback):
    """Notes something of the module at the end of each training step."""

    def __init__(self, look: Callable[[Any], Any]) -> None:
        self.look = look
        self.seen: list[Any] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.seen.append(self.look(pl_module))


def known(module: ContinualModule) -> list[list[float]]:
    """The matrix without what lies above its diagonal."""
    return [row[: task + 1] for task, row in enumerate(module.matrix)]
