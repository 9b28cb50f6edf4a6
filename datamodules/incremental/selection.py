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
        if isinstance(index, Draw):
            return self.source[Draw(index.epoch, int(self.rows[index.row]))]
        return self.source[int(self.rows[index])]

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
        return [self.source[draw] for draw in draws]

    def __len__(self) -> int:
        return len(self.source)
