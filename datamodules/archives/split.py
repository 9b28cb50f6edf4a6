"""Samples that are made of recordings when they are read, sequences of their own lengths too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.archives.archive import Array
from datamodules.pairing import Rows, stream
from datamodules.split import Draw, FeatureScale, Sample, SampleSource

Reader = Callable[[int, np.random.Generator | None], NDArray[np.float32]]
"""The input of a recording: a sequence `[L, D]`, frames `[L, C, H, W]` or an image `[C, H, W]`.

Without a random stream it is the recording as it is.
"""
Augmentation = Callable[[Array, np.random.Generator], Array]


@dataclass(frozen=True)
class StepReader:
    """Reads sequences whose steps are stored one behind the other.

    Attributes:
        steps: of all recordings, `[sum of L, ...]`.
        starts: where each recording begins, and the end, `[n + 1]`.
        scales: what values are shifted and scaled by, after augmentation; by group, or under "" for
            all; by nothing where there is none.
        augment: changes a sequence `[L, ...]` in training.
        groups: the group of each recording where scales are by group.
    """

    steps: Array
    starts: Rows
    scales: Mapping[str, FeatureScale]
    augment: Augmentation | None = None
    groups: Sequence[str] | None = None

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read `[L, D]`."""
        x = self.steps[self.starts[row] : self.starts[row + 1]]
        if self.augment is not None and rng is not None:
            x = self.augment(x, rng)
        values = x.reshape(len(x), -1)
        scale = self.scales.get(self.groups[row] if self.groups else "")
        return values.astype(np.float32) if scale is None else scale(values)


class RecordingSplit(SampleSource):
    """Some of the recordings of a data set.

    What training draws depends on (seed, epoch, recording) alone.

    Args:
        readers: by modality.
        rows: which recordings belong to the split, `[n]`.
        labels: the class of every recording of the data set, `[R]`.
        ids: the name of every recording of the data set, R.
        content: a digest of all recordings.
        augment_seed: of what is drawn in training; None draws nothing.
        in_time: whether all modalities see the same draws, as what is heard and seen at once must.
    """

    def __init__(
        self,
        readers: Mapping[str, Reader],
        rows: Rows,
        labels: Rows,
        ids: Sequence[str],
        content: str,
        augment_seed: int | None = None,
        in_time: bool = False,
    ) -> None:
        self.readers, self.rows, self.content = dict(readers), rows, content
        self.modalities = tuple(readers)
        self.labels = labels[rows].astype(np.int64)
        self.ids: Sequence[str] = [ids[row] for row in rows]
        self.augment_seed, self.in_time = augment_seed, in_time

    def __getitem__(self, index: int | Draw) -> Sample:
        epoch, place = Draw.of(index)
        name, row = self.ids[place], int(self.rows[place])
        inputs = {m: self._read(m, row, epoch, name) for m in self.readers}
        return Sample(inputs, int(self.labels[place]), name)

    def digest(self) -> str:
        """Return a SHA-256 of all recordings and of the rows."""
        sha = hashlib.sha256(self.content.encode())
        sha.update(np.ascontiguousarray(self.rows).data)
        return sha.hexdigest()

    def _read(self, modality: str, row: int, epoch: int, name: str) -> Tensor:
        rng = None
        if self.augment_seed is not None:
            drawn_for = "" if self.in_time else modality
            rng = stream(self.augment_seed, "augment", drawn_for, epoch, name)
        return torch.from_numpy(np.ascontiguousarray(self.readers[modality](row, rng)))
