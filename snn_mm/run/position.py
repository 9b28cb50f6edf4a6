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


def catch_up(trainer: Trainer) -> None:
    """Bring loaders that know nothing of a resume to where the training stands.

    Lightning has made the iterator before any sampler was told its epoch, and workers fetch at
    once; and amid an epoch it would begin with the epoch's first batch. Data modules of this
    project begin at the right place by themselves.
    """
    epoch, batches = training_position(trainer)
    loop: Any = trainer.fit_loop
    fetcher = loop._data_fetcher
    samplers: list[Any] = [
        getattr(part, "sampler", None) for part in loop._combined_loader.flattened
    ]
    if all(hasattr(sampler, "begin_at") for sampler in samplers):
        return
    late = [s for s in samplers if hasattr(s, "set_epoch") and getattr(s, "epoch", epoch) != epoch]
    if late:
        for sampler in late:
            sampler.set_epoch(epoch)
        iter(fetcher)
    for _ in range(batches):
        next(fetcher)
    fetcher.fetched = 0  # Lightning adds the batches that are over
