"""A test in the middle of a training: every rank takes its share, and nothing else is disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lightning import Trainer
from torch.utils.data import DataLoader, Subset

from snn_mm.contracts import Batch


def share_of_rank(loader: DataLoader[Any], rank: int, ranks: int) -> DataLoader[Any]:
    """A loader of every `ranks`-th sample from `rank` on; all of them together are each once."""
    if ranks == 1:
        return loader
    samples: Any = loader.dataset
    return DataLoader(
        Subset(samples, range(rank, len(samples), ranks)),
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
    )


def batches_on_device(loader: DataLoader[Any], trainer: Trainer) -> Iterator[Batch]:
    """The batches of this rank's share, in the precision and on the device of the training."""
    for batch in share_of_rank(loader, trainer.global_rank, trainer.world_size):
        converted = trainer.precision_plugin.convert_input(batch)
        yield trainer.strategy.batch_to_device(converted)
