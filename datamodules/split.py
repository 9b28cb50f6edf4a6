"""One split of a data set."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.batches import Together, filled
from datamodules.cache import SentAsPlaces
from snn_mm.errors import UserError

Array = NDArray[Any]
Masks = Mapping[str, NDArray[np.bool_]]
Transform = Callable[[Array], Array]


class Sample(NamedTuple):
    """One sample: an input by modality, its class, and the name that error messages use.

    A modality that it lacks is not among its inputs.
    """

    inputs: dict[str, Tensor]
    target: int
    id: str


class Draw(NamedTuple):
    """Which sample to read, and in which epoch: what augmentation is allowed to depend on."""

    epoch: int
    row: int

    @classmethod
    def of(cls, index: int | Draw) -> Draw:
        """A plain index is that of epoch 0."""
        return index if isinstance(index, Draw) else cls(0, index)


class Source(Dataset[Any], ABC):
    """What a data module reads a split from, whatever the samples are and are stored in.

    Attributes:
        ids: a unique name of each sample.
    """

    ids: Sequence[str]

    @abstractmethod
    def __getitem__(self, index: int | Draw) -> Any:
        """Read one sample; a plain index is that of epoch 0."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Return how many samples each part has, by the part's name."""

    def check_files(self) -> None:
        """Refuse files that have changed since they were opened, as far as that is known."""

    @abstractmethod
    def digest(self) -> str:
        """Return a SHA-256 of what decides the samples, except the data module's options."""


def note_changes(exception: BaseException, sources: Iterable[Source]) -> None:
    """Add to an exception what has become of the files of sources."""
    for source in sources:
        try:
            source.check_files()
        except UserError as error:
            exception.add_note(str(error))


class SampleSource(Source):
    """A split of labelled samples.

    Attributes:
        labels: the class of each sample, `[n]`.
        modalities: their names.
        present: which samples have a modality, bool `[n]`; one that is not named all have.
    """

    labels: NDArray[np.int64]
    modalities: tuple[str, ...]
    present: Masks = MappingProxyType({})

    @abstractmethod
    def __getitem__(self, index: int | Draw) -> Sample:
        """Read one sample; a plain index is that of epoch 0."""

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Return how many samples each part has, by the part's name."""
        masks = {f"present of {name}": len(mask) for name, mask in self.present.items()}
        return {**masks, "labels": len(self.labels), "unique ids": len(set(self.ids))}


@dataclass(frozen=True)
class FeatureScale:
    """Shift and scale to a mean and deviation, taken from the training part alone.

    Attributes:
        mean: of each feature `[D]`, or of all.
        deviation: of each feature `[D]`, or of all; above 0.
    """

    mean: Array | float
    deviation: Array | float

    @classmethod
    def fit(cls, steps: Array) -> FeatureScale:
        """Take mean and deviation of `steps` `[n, D]`; features that never change are shifted."""
        exact = steps.astype(np.float64)
        # Rounding leaves a constant a deviation that is tiny but not zero.
        constant = (exact == exact[:1]).all(axis=0)
        return cls(exact.mean(axis=0), np.where(constant, 1.0, exact.std(axis=0)))

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> FeatureScale:
        """Make it of what `record` returned, to the last bit."""
        values = [record["mean"], record["deviation"]]
        if record["dtype"] is not None:
            values = [np.array(value, record["dtype"]) for value in values]
        return cls(*values)

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it.

        Example:
            >>> FeatureScale(1.0, 2.0).record()
            {'mean': 1.0, 'deviation': 2.0, 'dtype': None}
        """
        dtype = getattr(self.mean, "dtype", None)  # a plain number has none
        mean, deviation = np.asarray(self.mean).tolist(), np.asarray(self.deviation).tolist()
        return {"mean": mean, "deviation": deviation, "dtype": dtype and str(dtype)}

    def __call__(self, values: Array) -> NDArray[np.float32]:
        """Standardise `[..., D]`."""
        return ((values - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True)
class Split(SentAsPlaces, SampleSource):
    """Samples that point into arrays of recordings, so that pairing recordings copies nothing.

    Attributes:
        arrays: recordings by modality, `[R, ...]`; may be memory-mapped.
        rows: for each sample its recording in `arrays`, `[n]` by modality.
        transforms: by modality, what turns a stored recording into an input.
        present: which samples have a modality, bool `[n]`; recordings of others are never read.
    """

    arrays: Mapping[str, Array]
    rows: Mapping[str, NDArray[np.int64]]
    labels: NDArray[np.int64]
    ids: Sequence[str]
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    present: Masks = field(default_factory=dict)

    @classmethod
    def aligned(cls, arrays: Mapping[str, Array], labels: Array, ids: Sequence[str]) -> Split:
        """Make a split of arrays `[n, ...]` whose row i is sample i in every modality.

        Raises:
            UserError: the labels are not integers.
        """
        if not np.issubdtype(labels.dtype, np.integer):
            raise UserError(f"Labels are {labels.dtype}; accepted are integers.")
        rows = {name: np.arange(len(array)) for name, array in arrays.items()}
        return cls(arrays, rows, labels.astype(np.int64), ids)

    @property
    def modalities(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the modalities."""
        return tuple(self.arrays)

    def counts(self) -> dict[str, int]:
        """Return how many samples each part has, by the part's name."""
        return {name: len(rows) for name, rows in self.rows.items()} | super().counts()

    def __getitem__(self, index: int | Draw) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch into one tensor a modality."""
        self.check_files()
        rows = [Draw.of(index).row for index in indices]
        names = [name for name in self.arrays if self._is_there(name, rows)]
        inputs = {name: self._inputs(name, rows) for name in names}
        parts = zip(*(x.unbind() for x in inputs.values()), strict=True)
        given = [dict(zip(inputs, part)) for part in parts] or [{} for _ in rows]
        for name, mask in self.present.items():
            for own in (own for own, there in zip(given, mask[rows].tolist()) if not there):
                own.pop(name, None)
        samples = [
            Sample(own, label, str(self.ids[row]))
            for row, label, own in zip(rows, self.labels[rows].tolist(), given)
        ]
        return Together(samples, inputs, self.arrays)

    def _is_there(self, name: str, rows: list[int]) -> bool:
        """Whether any of some samples has a modality."""
        return name not in self.present or bool(self.present[name][rows].any())

    def _inputs(self, name: str, rows: list[int]) -> Tensor:
        """Return the inputs `[N, ...]` of some samples in float32, zero for those without."""
        array = np.asarray(self.arrays[name])  # taking rows of a map is slow
        recordings = [array[row] for row in self.rows[name][rows].tolist()]
        transform = self.transforms.get(name)
        if mask := self.present[name][rows].tolist() if name in self.present else []:
            make = transform or (lambda x: x)
            return filled([make(x) if there else None for x, there in zip(recordings, mask)])
        return filled(recordings if transform is None else [transform(x) for x in recordings])

    def digest(self) -> str:
        """Return a SHA-256 of everything that decides the samples, except the transforms."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        sha.update(np.ascontiguousarray(self.labels).data)
        for name in sorted(self.arrays):
            array = self.arrays[name]
            sha.update(f"{name} {array.dtype} {array.shape}".encode())
            sha.update(np.ascontiguousarray(array).data)
            sha.update(np.ascontiguousarray(self.rows[name]).data)
            if name in self.present:
                sha.update(np.ascontiguousarray(self.present[name]).data)
        return sha.hexdigest()
