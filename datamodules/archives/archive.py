"""Recordings in one `.npz` archive, read at once and checked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError
from snn_mm.reading.arrays import read_entries

Array = NDArray[Any]
Layout = Mapping[str, tuple[str, tuple[int | None, ...]]]
"""By key: kinds of dtype as NumPy's letters, and the shape, None for any size."""


def read_archive(path: Path, layout: Layout, source: str) -> dict[str, Array]:
    """Read the arrays of an archive.

    Args:
        path: of the archive.
        layout: what each array must be.
        source: where such an archive comes from, for the message.

    Raises:
        UserError: it is missing or damaged, or an array is another; names the file and the key.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing.\n{source}")
    arrays = read_entries(path, layout)
    for key, (kinds, shape) in layout.items():
        _check(f"{key} of {path}", arrays[key], kinds, shape)
    return arrays


def _check(what: str, array: Array, kinds: str, shape: tuple[int | None, ...]) -> None:
    fits = len(array.shape) == len(shape) and all(
        size in (None, found) for size, found in zip(shape, array.shape)
    )
    if not fits or array.dtype.kind not in kinds:
        wanted = ", ".join("*" if size is None else str(size) for size in shape)
        raise UserError(
            f"{what} is {array.dtype} {list(array.shape)}; accepted is [{wanted}], "
            f"of NumPy's kinds {', '.join(kinds)}"
        )


def check_equally_many(path: Path, arrays: Mapping[str, Array]) -> None:
    """Refuse arrays `[n, ...]` that differ in n.

    Raises:
        UserError: names the file and each count.
    """
    counts = {key: len(array) for key, array in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {key}" for key, count in counts.items())
        raise UserError(f"{path} has {listed}; accepted are equally many.")


def check_within(path: Path, key: str, values: Array, first: int, last: int) -> None:
    """Refuse whole numbers `[n, ...]` outside of `first` to `last`, naming the first such row.

    Raises:
        UserError: names the file, the key, the row and the value.
    """
    if len(outside := np.argwhere((values < first) | (values > last))):
        row = int(outside[0][0])
        value = values[tuple(outside[0])]
        raise UserError(f"{key} of {path}: row {row} has {value}; accepted are {first} to {last}.")


def starts_of(path: Path, key: str, lengths: Array, steps: int) -> NDArray[np.int64]:
    """Where each of n sequences begins among all their steps, and the end: `[n + 1]`.

    Args:
        path: of the archive, for the message.
        key: of the lengths, for the message.
        lengths: `[n]`.
        steps: how many there are of all sequences.

    Raises:
        UserError: a length is below 1, or they add up to another number.
    """
    check_within(path, key, lengths, 1, steps)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if starts[-1] != steps:
        raise UserError(f"{key} of {path} add up to {starts[-1]} steps; it has {steps}.")
    return starts


def sequence_facts(longest: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, int]]:
    """What a model of sequences must know: every modality has steps, and all else is features.

    Args:
        longest: the shape `[L, ...]` of the longest input by modality.

    Example:
        >>> sequence_facts({"depth": (16, 1, 4, 6)})
        {'feature_dims': {'depth': 24}, 'max_lengths': {'depth': 16}}
    """
    return {
        "feature_dims": {name: math.prod(shape[1:]) for name, shape in longest.items()},
        "max_lengths": {name: shape[0] for name, shape in longest.items()},
    }


def content_digest(arrays: Mapping[str, Array]) -> str:
    """Return a SHA-256 of arrays by name."""
    sha = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        sha.update(f"{name} {array.dtype} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
