"""The training order with the epoch of each draw, and what a rank evaluates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any, TypeVar, cast

import numpy as np
from torch.utils.data.distributed import DistributedSampler

from datamodules.pairing import Rows, stream
from datamodules.split import Draw
from snn_mm.errors import UserError

T = TypeVar("T")


class ResumableSampler(DistributedSampler[Any]):
    """A `DistributedSampler` that can begin within an epoch.

    Lightning keeps a `DistributedSampler` as it is and calls its `set_epoch`, on one device too.
    """

    _begun = (0, 0)

    def begin_at(self, epoch: int, over: int) -> None:
        """Leave out the first items of an epoch, which are over; other epochs are whole.

        Args:
            epoch: the epoch that comes next, for workers fetch before Lightning tells it.
            over: how many of what it yields are over.
        """
        self.set_epoch(epoch)
        self._begun = (epoch, over)

    def rest(self, items: Iterable[T]) -> Iterator[T]:
        """What of the items of this epoch is not over."""
        epoch, over = self._begun
        return islice(items, over if epoch == self.epoch else 0, None)


class EpochSampler(ResumableSampler):
    """Hands the epoch on to the data with every index.

    Workers, persistent ones too, then know the epoch without being told, so that augmentation is a
    function of (seed, epoch, sample) for any number of workers and after a resume.
    """

    def __iter__(self) -> Iterator[Draw]:
        order = cast("Iterator[int]", super().__iter__())
        return self.rest(Draw(self.epoch, index) for index in order)


class BalancedSampler(EpochSampler):
    """An `EpochSampler` that shows every class equally often.

    An epoch is as long as before. Of a rare class every sample is shown before any is shown again,
    of a frequent one other samples in each epoch; all as a function of (seed, epoch).

    Args:
        labels: the class of each sample, `[n]`.
        options: those of `DistributedSampler`.
    """

    def __init__(self, samples: Sized, labels: Rows, *options: Any, **more: Any) -> None:
        super().__init__(samples, *options, **more)  # type: ignore[arg-type]
        self.labels = labels

    def __iter__(self) -> Iterator[Draw]:
        order = self._order()[self.rank : self.total_size : self.num_replicas]
        return self.rest(Draw(self.epoch, index) for index in order.tolist())

    def _order(self) -> Rows:
        """What all ranks show in this epoch, at least `total_size`."""
        rng = stream(self.seed, "balanced", self.epoch)
        classes = [np.flatnonzero(self.labels == k) for k in np.unique(self.labels)]
        share = -(-self.total_size // len(classes))
        shown = []
        for rows in classes:
            rounds = [rng.permutation(rows) for _ in range(-(-share // len(rows)))]
            shown.append(np.concatenate(rounds)[:share])
        return rng.permutation(np.concatenate(shown))


class ShareSampler(DistributedSampler[Any]):
    """Every R-th sample from this rank's on, in the order of the split: all ranks, each once.

    Other than with torch's `DistributedSampler`, which Lightning would put in, no sample is
    repeated to fill the last batch, so that a metric added over the ranks is that of one process.
    Ranks may differ by one batch: between two of them no rank may wait for another, which holds
    under DDP (only the first forward pass of an evaluation sends buffers) and not for strategies
    that spread the weights. A subclass, for Lightning replaces any other sampler.

    Args:
        samples: the split.
        num_replicas: R.
        rank: which of the R.

    Raises:
        UserError: a rank would get nothing, and all others would wait for it.
    """

    def __init__(self, samples: Sized, num_replicas: int, rank: int) -> None:
        super().__init__(samples, num_replicas, rank, shuffle=False)  # type: ignore[arg-type]
        if len(samples) < num_replicas:
            raise UserError(
                f"trainer.devices: {num_replicas} ranks can't share {len(samples)} samples to "
                f"evaluate\naccepted: up to {len(samples)} ranks"
            )
        self.share = range(rank, len(samples), num_replicas)

    def __iter__(self) -> Iterator[int]:
        return iter(self.share)

    def __len__(self) -> int:
        """Number of samples of this rank."""
        return len(self.share)
