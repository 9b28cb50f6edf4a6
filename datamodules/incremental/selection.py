"""Parts of a split, and whole batches of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from datamodules.pairing import Rows
from datamodules.split import Draw, Sample, SampleSource


class Selection(SampleSource):
    """Some samples of a split.

    Args:
        source: the split.
        rows: of the samples, in order, `[n]`.
    """

    def __init__(self, source: SampleSource, rows: Rows) -> None:
        self.source, self.rows = source, rows
        self.labels = source.labels[rows]
        self.ids = [source.ids[row] for row in rows]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return self.source.modalities

    def __getitem__(self, index: int | Draw) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch."""
        return read(self.source, [self._in_source(index) for index in indices])

    def _in_source(self, index: int | Draw) -> int | Draw:
        if isinstance(index, Draw):
            return Draw(index.epoch, int(self.rows[index.row]))
        return int(self.rows[index])

    def digest(self) -> str:
        """Return a SHA-256 of the split and the choice."""
        sha = hashlib.sha256(self.source.digest().encode())
        sha.update(np.ascontiguousarray(self.rows).data)
        return sha.hexdigest()


class Batches(Dataset[list[Sample]]):
    """A split that is read a batch at a time, for samplers that yield batches."""

    def __init__(self, source: SampleSource) -> None:
        self.source = source

    def __getitem__(self, draws: Sequence[Draw]) -> list[Sample]:
        return read(self.source, draws)

    def __len__(self) -> int:
        return len(self.source)


def read(source: SampleSource, indices: Sequence[int | Draw]) -> list[Sample]:
    """Read samples, at once where the split offers it (PyTorch's `__getitems__`)."""
    together = getattr(source, "__getitems__", None)
    if together is None:
        return [source[index] for index in indices]
    samples: list[Sample] = together(indices)
    return samples
