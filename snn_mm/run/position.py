"""Where in its epochs a training stands, as Lightning's loops know it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lightning import Trainer


class Position(NamedTuple):
    """A place in the training order.

    Attributes:
        epoch: the epoch that is under way, or comes next.
        batches: how many of its batches are over, on each rank.
    """

    epoch: int
    batches: int


def training_position(trainer: Trainer) -> Position:
    """Where the coming batches begin: amid an epoch only right after a resume, else at its start.

    A loader is made before Lightning tells samplers their epoch, and workers prefetch at once, so a
    data module asks this when it makes one.
    """
    fit: Any = trainer.fit_loop  # Lightning types its counters too narrowly
    epochs, batches = fit.epoch_progress, fit.epoch_loop.batch_progress
    is_amid = fit.restarting and epochs.total.started > epochs.total.processed
    return Position(epochs.current.processed, batches.current.processed if is_amid else 0)
