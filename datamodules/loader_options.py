"""The `DataLoader` knobs."""

from __future__ import annotations

from dataclasses import dataclass

from snn_mm.errors import UserError, check_range


@dataclass(frozen=True)
class LoaderOptions:
    """The `DataLoader` knobs; none of them changes what the data are.

    Attributes:
        batch_size: samples a batch, on each rank.
        num_workers: processes that prepare batches; 0 prepares them in the main process.
        pin_memory: page-locked batches, from which a GPU copies while it computes; None has them
            where a GPU trains.
        persistent_workers: keep the workers from one epoch to the next: it saves starting them, but
            a transform of one's own that draws is then no longer seeded anew in every epoch.
        prefetch_factor: batches that each worker keeps ready; needs workers. None is PyTorch's 2:
            one on its way, one being made; more only evens out batches that take longer.
        drop_last: leave out the last, smaller training batch.
    """

    batch_size: int = 64
    num_workers: int = 0
    pin_memory: bool | None = None
    persistent_workers: bool = False
    prefetch_factor: int | None = None
    drop_last: bool = False

    def __post_init__(self) -> None:
        check_range("loader.batch_size", self.batch_size, 1)
        check_range("loader.num_workers", self.num_workers, 0)
        if self.num_workers == 0 and (self.persistent_workers or self.prefetch_factor):
            raise UserError(
                "loader: persistent_workers and prefetch_factor need num_workers of at least 1."
            )


DEFAULT_LOADER = LoaderOptions()
