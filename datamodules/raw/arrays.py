"""Numbers of a file that anyone may have written: `.npy`, `.npz`, CSV, pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.feature_files.unpickle import read_pickle
from datamodules.feature_files.values import PickledArray
from datamodules.raw.reads import Place, RawReader
from datamodules.table.files import Cell, read_array
from snn_mm.errors import UserError
from snn_mm.reading.arrays import entry_names
from snn_mm.reading.text import naming, read_rows

NUMBERS = frozenset({".npy", ".npz", ".csv", ".pkl", ".pickle"})
"""Suffixes of files that hold numbers."""

OTHER_NAMES = {"visual": ("vision", "video"), "audio": ("sound",)}
"""What files of others call a modality."""

Shape = tuple[int | None, ...]


def array_readers(shapes: Mapping[str, Shape]) -> dict[str, RawReader]:
    """How files of numbers become inputs as they are, by modality."""

    def reader(shape: Shape) -> RawReader:
        return RawReader(lambda place, _: numbers_of(place, shape).astype(np.float32), NUMBERS)

    return {name: reader(shape) for name, shape in shapes.items()}


def numbers_of(place: Place, shape: Shape) -> NDArray[Any]:
    """The array of a file, of a shape; None in it is any size but 0.

    A vector `[D]` may stand as one row `[1, D]`.

    Raises:
        UserError: the file can't be read, or holds another shape.
    """
    values = _read(place)
    if values.ndim == len(shape) + 1 and len(values) == 1:
        values = values[0]
    fits = values.ndim == len(shape) and all(
        found > 0 and wanted in (None, found) for wanted, found in zip(shape, values.shape)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise UserError(
            f"{place.path.name}: {place.modality} is {list(values.shape)}; accepted is [{wanted}]"
        )
    return values


def _read(place: Place) -> NDArray[Any]:
    suffix = place.path.suffix.lower()
    if suffix == ".csv":
        return _table(place.path)
    if suffix in (".pkl", ".pickle"):
        return _pickled(place)
    key = place.key
    if suffix == ".npz" and not key:
        key = _known(place.modality, entry_names(place.path))
    with naming(place.path, "can't be read"):
        return read_array(Cell(place.path, key))


def _table(path: Path) -> NDArray[np.float64]:
    """Rows of numbers, below a first line of names if there is one."""
    rows = list(read_rows(path))
    if rows and not _are_numbers(rows[0]):
        rows = rows[1:]
    if not rows or not all(len(row) == len(rows[0]) for row in rows):
        raise UserError(f"{path.name}: no table with equally many numbers in each row")
    with naming(path, "is no table of numbers"):
        return np.array(rows, dtype=np.float64)


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _pickled(place: Place) -> NDArray[Any]:
    """An array of a dictionary by modality; nothing in the file is run."""
    content = read_pickle(place.path).content
    if isinstance(content, Mapping):
        content = content.get(place.key or _known(place.modality, [str(key) for key in content]))
    with naming(place.path, "can't be read"):
        values = content.numpy() if isinstance(content, PickledArray) else np.asarray(content)
        return np.asarray(values, dtype=np.float64 if values.dtype == object else values.dtype)


def _known(modality: str, keys: list[str]) -> str:
    """The key of a modality among those of a file; nothing if there is but one key."""
    names = (modality, *OTHER_NAMES.get(modality, ()))
    found = next((name for name in names if name in keys), "")
    if not found and len(keys) != 1:
        said = ", ".join(keys[:5]) or "nothing"
        raise UserError(f"no {modality} among {said}; accepted: a key {modality}")
    return found or keys[0]
