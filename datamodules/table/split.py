"""One split of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.batches import Together
from datamodules.cache import SentAsPlaces
from datamodules.pairing import Rows
from datamodules.split import Draw, FeatureScale, Sample, SampleSource
from datamodules.table.files import Kind
from datamodules.table.reading import ONE

Array = NDArray[Any]


class InputReader(Protocol):
    """Reads the input of a sample in float32."""

    def __call__(self, row: int) -> NDArray[np.float32]:
        """Read that of a row of the table."""


@dataclass(frozen=True)
class StoredInputs(SentAsPlaces):
    """Inputs of one modality.

    Attributes:
        arrays: `values` of all samples end to end, and where those of each begin: `starts`.
        kind: of the inputs.
        scales: what they are shifted and scaled by; by group, or under "" for all.
        groups: the group of each row of the table where scales are by group.
    """

    arrays: Mapping[str, Array]
    kind: Kind
    scales: Mapping[str, FeatureScale]
    groups: Sequence[str] | None = None

    def __call__(self, row: int) -> NDArray[np.float32]:
        """Read that of a row of the table."""
        starts = self.arrays["starts"]
        values = np.asarray(self.arrays["values"][starts[row] : starts[row + 1]])
        scale = self.scales.get(self.groups[row] if self.groups else "")
        return finished(values, self.kind, scale)

    def record(self) -> dict[str, Any]:
        """What makes the inputs of further files, as JSON has it."""
        scales = {name: scale.record() for name, scale in self.scales.items()}
        shape = list(self.arrays["values"].shape[1:])
        return {
            "kind": self.kind,
            "shape": shape,
            "scales": scales,
            "by_group": self.groups is not None,
        }


def finished(values: Array, kind: Kind, scale: FeatureScale | None) -> NDArray[np.float32]:
    """The input of stored values: steps `[L, ...]`, or `[1, ...]` of a kind that has no steps."""
    if kind == "events":
        values = np.log1p(values, dtype=np.float32)
    values = values.astype(np.float32) if scale is None else scale(values)
    return values[0] if kind in ONE else values


class TableSplit(SampleSource):
    """Some rows of a table.

    Args:
        rows: which, `[n]`.
        labels: the class of every row, `[R]`.
        ids: the name of every row, R.
        inputs: reads those of a modality, by its name.
        present: which rows have a modality, `[R]` by its name.
        content: a digest of all inputs.
    """

    def __init__(
        self,
        rows: Rows,
        labels: Rows,
        ids: Sequence[str],
        inputs: Mapping[str, InputReader],
        present: Mapping[str, NDArray[np.bool_]],
        content: str,
    ) -> None:
        self.rows, self.labels, self.ids = rows, labels[rows], [ids[row] for row in rows]
        self.inputs, self.content, self.modalities = dict(inputs), content, tuple(inputs)
        masks = {name: mask[rows] for name, mask in present.items()}
        self.present = {name: mask for name, mask in masks.items() if not mask.all()}

    def __getitem__(self, index: int | Draw) -> Sample:
        place = Draw.of(index).row
        there = [n for n in self.inputs if n not in self.present or self.present[n][place]]
        row = int(self.rows[place])
        inputs = {name: torch.from_numpy(self.inputs[name](row)) for name in there}
        return Sample(inputs, int(self.labels[place]), self.ids[place])

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch, which remember all modalities of the table."""
        return Together([self[index] for index in indices], {}, self.modalities)

    def digest(self) -> str:
        """Return a SHA-256 of all inputs and of the rows."""
        sha = hashlib.sha256("\n".join([self.content, *self.ids]).encode())
        sha.update(np.ascontiguousarray(self.labels).data)
        return sha.hexdigest()
