"""Parts of a split, whole batches of it, and the samples of earlier tasks that are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from torch.utils.data import Dataset

from datamodules.batches import read
from datamodules.pairing import Rows, stream
from datamodules.split import Draw, Sample, SampleSource


class Selection(SampleSource):
    """Some samples of a split.

    Args:
        source: the split.
        rows: of the samples, in order, `[n]`.
    """

    def __init__(self, source: SampleSource, rows: Rows) -> None:
        self.source, self.rows, self.modalities = source, rows, source.modalities
        self.labels = source.labels[rows]
        self.present = {name: mask[rows] for name, mask in source.present.items()}
        self.ids = [source.ids[row] for row in rows]

    def __getitem__(self, index: int | Draw) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch."""
        draws = map(Draw.of, indices)
        return read(self.source, [Draw(epoch, int(self.rows[row])) for epoch, row in draws])

    def check_files(self) -> None:
        """Refuse files of the split that have changed since they were opened."""
        self.source.check_files()

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


def exemplar_rows(labels: Rows, classes: Iterable[int], per_class: int, seed: int) -> Rows:
    """Choose the samples of each class that a memory keeps.

    They are the first of a permutation that depends on `(seed, class)` alone. When later tasks
    leave fewer places, the prefix gets shorter: exemplars are drawn once and then dropped from the
    end, as the released code of AV-CIL does, without any state that a resumed run would need.

    Args:
        labels: classes of the training samples, `[n]`.
        classes: those kept.
        per_class: how many samples of each; a class with fewer keeps all of them.
        seed: decides the choice.

    Returns:
        Rows into `labels`, class by class.
    """
    chosen = [
        stream(seed, "exemplars", label).permutation(np.flatnonzero(labels == label))[:per_class]
        for label in classes
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])
