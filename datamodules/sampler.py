"""The training order, and the epoch that each sample is drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch.utils.data.distributed import DistributedSampler

from datamodules.split import Draw, Sample


class EpochSampler(DistributedSampler[Sample]):
    """A `DistributedSampler` that hands the epoch on to the data with every index.

    Workers, persistent ones too, then know the epoch without being told, so that augmentation is a
    function of (seed, epoch, sample) for any number of workers and after a resume. Lightning keeps
    a `DistributedSampler` as it is and calls its `set_epoch`, on one device too.
    """

    def __iter__(self) -> Iterator[Draw]:  # type: ignore[override]
        order = cast("Iterator[int]", super().__iter__())
        return (Draw(self.epoch, index) for index in order)
