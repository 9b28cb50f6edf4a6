"""Files that hold the features of all videos, by name."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from datamodules.av_cil.dictionary import read_dictionary
from datamodules.feature_files.values import PickledArray, RefusedError
from snn_mm.errors import UserError
from snn_mm.run.replace import replacing


class Container(Protocol):
    """A kind of file."""

    def names(self, path: Path) -> set[str]:
        """Return the videos that a file holds.

        Raises:
            UserError: it can't be read.
        """
        ...

    def extend(self, path: Path, parts: Iterable[Path]) -> None:
        """Add what is new among `<video>.npy` files to a file that may be missing."""
        ...

    def drop(self, path: Path, names: Collection[str]) -> None:
        """Remove videos from a file."""
        ...


class H5Container:
    """HDF5 with a data set a video."""

    def names(self, path: Path) -> set[str]:
        """Return the videos that a file holds."""
        try:
            with h5py.File(path, "r", locking=False) as file:
                return set(file)
        except OSError as error:
            raise UserError(f"{path} can't be read: {error}") from error

    def extend(self, path: Path, parts: Iterable[Path]) -> None:
        """Add new videos to a copy, which replaces the file."""
        with replacing(path) as temporary:
            if path.exists():
                shutil.copyfile(path, temporary)
            with h5py.File(temporary, "a", locking=False) as file:
                for part in parts:
                    if part.stem not in file:
                        file[part.stem] = np.load(part, mmap_mode="r", allow_pickle=False)

    def drop(self, path: Path, names: Collection[str]) -> None:
        """Copy the other videos: what is deleted in a file of this kind keeps its space."""
        with (
            replacing(path) as temporary,
            h5py.File(path, "r", locking=False) as old,
            h5py.File(temporary, "w", locking=False) as new,
        ):
            for name in old.keys() - names:
                old.copy(name, new)


class DictionaryContainer:
    """A NumPy dictionary of arrays, as AV-CIL saves them; one that is there is not unpickled."""

    def names(self, path: Path) -> set[str]:
        """Return the videos that a file holds."""
        return set(read_dictionary(path)[0])

    def extend(self, path: Path, parts: Iterable[Path]) -> None:
        """Write the dictionary anew, with what it held and the new videos."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for part in parts:
            arrays[part.stem] = np.load(part, allow_pickle=False)
        if path.exists():
            arrays |= _arrays(path)
        _save(path, arrays)

    def drop(self, path: Path, names: Collection[str]) -> None:
        """Write the dictionary anew without some videos."""
        _save(path, {name: each for name, each in _arrays(path).items() if name not in names})


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write a dictionary; one of the same videos has the same bytes."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.array({name: arrays[name] for name in sorted(arrays)}))


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Copy the arrays of a dictionary into memory."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, each in read_dictionary(path)[0].items():
        if not isinstance(each, PickledArray):
            raise UserError(f"{path}: '{name}' is no array but {type(each).__name__}.")
        try:
            arrays[name] = each.numpy().copy()
        except RefusedError as error:
            raise UserError(f"{path}: '{name}' {error}.") from error
    return arrays


CONTAINERS: dict[str, Container] = {".h5": H5Container(), ".npy": DictionaryContainer()}
"""By suffix."""
