"""Arrays prepared once, then opened by any number of workers and ranks.

They are mapped: a worker that is forked shares the map, and one that is spawned maps the file again
(`packed`), so that the pages in memory are those of all processes and no values are sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from mmap import ALLOCATIONGRANULARITY
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.store.digests import find_damage, write_digests
from datamodules.store.folders import find_files
from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array
from snn_mm.run.replace import building

Arrays = Mapping[str, NDArray[Any]]

LAYOUT = 1
"""Raised whenever prepared arrays of an earlier release must not be read any more."""


def cache_path(root: str, name: str, options: Mapping[str, object]) -> Path:
    """Return the directory of the arrays that these options give."""
    text = json.dumps({"layout": LAYOUT, **options}, sort_keys=True)
    return Path(root) / "prepared" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prepared(
    root: str, name: str, options: Mapping[str, object], build: Callable[[], Arrays]
) -> PreparedArrays:
    """Return the arrays that these options give, built unless that is done."""
    path = cache_path(root, name, options)
    build_once(path, build)
    return PreparedArrays(path)


def build_once(directory: Path, build: Callable[[], Arrays]) -> None:
    """Write arrays to `directory` unless it exists.

    They are written under another name and moved in one step: an interrupted build leaves nothing
    behind that could be taken for a finished one, and of two builds at once either may win.

    Raises:
        UserError: `directory` can't be written.
    """
    if directory.exists():
        return
    arrays = build()
    with building(directory) as made:
        for name, array in arrays.items():
            np.save(made / f"{name}.npy", array, allow_pickle=False)
        write_digests(made)
        _move(made, directory)


def _move(made: Path, directory: Path) -> None:
    """Rename `made` to `directory`; another build may have been first."""
    try:
        made.replace(directory)
    except OSError:
        if not directory.exists():
            raise


class PreparedArrays(dict[str, NDArray[Any]]):
    """The arrays of a finished build by name, memory-mapped and read-only.

    Args:
        directory: of the build.

    Raises:
        UserError: a file is damaged, or is missing when it is asked for; names it.
    """

    def __init__(self, directory: Path) -> None:
        again = f"Delete {directory} and run again."
        if damage := find_damage(directory):
            raise UserError(f"Prepared data {directory} is damaged ({damage}). {again}")
        super().__init__(
            (path.stem, map_array(path, again)) for path in find_files(directory, {".npy"})
        )
        self.directory = directory

    def __missing__(self, name: str) -> NDArray[Any]:
        raise UserError(
            f"Prepared data {self.directory / name}.npy is missing. "
            f"Delete {self.directory} and run again."
        )


class MappedPart(NamedTuple):
    """Where in a file the values of an array lie: what another process needs to map them."""

    path: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]


def packed(arrays: Arrays) -> dict[str, NDArray[Any] | MappedPart]:
    """Put in the place of each read-only map where it lies; other arrays stay as they are."""
    return {name: _where(array) for name, array in arrays.items()}


def unpacked(parts: Mapping[str, NDArray[Any] | MappedPart]) -> dict[str, NDArray[Any]]:
    """Map again what was packed.

    Raises:
        UserError: the file is gone, or shorter than it was.
    """
    return {
        name: _map(part) if isinstance(part, MappedPart) else part for name, part in parts.items()
    }


class SentAsPlaces:
    """Base of what has `arrays` and goes to workers: of maps it sends where they lie."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "arrays": packed(self.__dict__["arrays"])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, arrays=unpacked(state["arrays"]))

    def check_files(self) -> None:
        """Refuse maps whose file has become shorter: to read on would end the process at once.

        Raises:
            UserError: names the file.
        """
        for array in self.__dict__["arrays"].values():
            if isinstance(array, np.memmap):
                _check_size(array)


def _check_size(array: np.memmap[Any, Any]) -> None:
    whole: Any = array._mmap  # type: ignore[attr-defined]
    size, needed = whole.size(), _start(array) + len(whole)
    if size < needed:
        raise UserError(
            f"Prepared data {array.filename} has become shorter while it was in use: "
            f"{size} bytes of {needed}."
        )


def _start(array: np.memmap[Any, Any]) -> int:
    """Where in the file a map begins: also that of a part, whose offset is the same."""
    return array.offset - array.offset % ALLOCATIONGRANULARITY


def _where(array: NDArray[Any]) -> NDArray[Any] | MappedPart:
    if not isinstance(array, np.memmap) or array.filename is None:
        return array
    if array.flags.writeable or not array.flags.c_contiguous or not array.size:
        return array
    whole: Any = array._mmap  # type: ignore[attr-defined]
    inside = array.ctypes.data - np.frombuffer(whole, np.uint8).ctypes.data
    return MappedPart(str(array.filename), array.dtype, _start(array) + inside, array.shape)


def _map(part: MappedPart) -> NDArray[Any]:
    try:
        return np.memmap(part.path, part.dtype, "r", part.offset, part.shape)
    except (OSError, ValueError) as error:
        raise UserError(f"Prepared data {part.path} can't be mapped again ({error}).") from error
