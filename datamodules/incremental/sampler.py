"""Training batches of one task, each with exemplars of earlier tasks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from datamodules.pairing import Rows, stream
from datamodules.sampler import ResumableSampler
from datamodules.split import Draw


class ReplaySampler(ResumableSampler):
    """Yields whole batches: up to B samples of the task, then E exemplars.

    Samples of the task are shuffled and dealt to the ranks as by `DistributedSampler`. Exemplars
    are shuffled once an epoch and then cycled, so that none is twice in a batch; a memory of fewer
    than E is in every batch whole. On R ranks, the batches of step i together are those of a single
    process with R B samples and R E exemplars, but for samples that are repeated so that all ranks
    have equally many.

    It depends on `(seed, epoch)` alone. It yields batches; the loader gets `batch_size=None`.

    Args:
        current: rows of the task's samples, `[n]`.
        exemplars: rows of the exemplars, `[m]`; may be empty.
        batch_size: B, on each rank.
        exemplar_batch: E, on each rank.
        num_replicas: R.
        rank: which of the R.
        seed: decides the order.
        drop_last: leave out the last batch if it has fewer than B samples of the task.
    """

    def __init__(
        self,
        current: Rows,
        exemplars: Rows,
        batch_size: int,
        exemplar_batch: int,
        num_replicas: int = 1,
        rank: int = 0,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        super().__init__(range(len(current)), num_replicas, rank, True, seed, drop_last)  # type: ignore[arg-type]
        self.current, self.exemplars = current, exemplars
        self.batch_size, self.exemplar_batch = batch_size, exemplar_batch

    def __len__(self) -> int:
        """Number of batches."""
        whole, rest = divmod(self.num_samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[Draw]]:
        order = self.current[list(super().__iter__())]
        memory = stream(self.seed, "replay", self.epoch).permutation(self.exemplars)
        for step in self.rest(range(len(self))):
            samples = order[step * self.batch_size : (step + 1) * self.batch_size]
            rows = np.concatenate([samples, self._window(memory, step)])
            yield [Draw(self.epoch, int(row)) for row in rows]

    def _window(self, memory: Rows, step: int) -> Rows:
        """Return this rank's exemplars of a step; `memory` `[m]` is read round and round."""
        size = min(self.exemplar_batch * self.num_replicas, len(memory))
        places = step * size + np.arange(size)[self.rank :: self.num_replicas]
        return memory[places % max(len(memory), 1)]
