"""Files with a feature array for each id, read one array at a time."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.av_cil.dictionary import read_dictionary
from datamodules.feature_files.unpickle import KEPT_IN_FILE, Pickle
from datamodules.feature_files.values import PickledArray, RefusedError
from snn_mm.errors import UserError
from snn_mm.reading.text import naming

Shape = tuple[int, ...]


class FeatureFile(ABC):
    """Arrays of one shape by id.

    Args:
        path: of the file.
        shape: of each array.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path, self.shape = path, shape

    @abstractmethod
    def ids(self) -> frozenset[str]:
        """Return the ids that have an array."""

    @abstractmethod
    def read(self, key: str, out: NDArray[np.float32]) -> None:
        """Read the array of an id into `out` `[*shape]`.

        Raises:
            UserError: it is missing, of another shape or not of real numbers; names file and id.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the file; it is opened again when it is read."""


class H5Features(FeatureFile):
    """An HDF5 file with one data set for each id, of which nothing is kept in memory.

    The file is opened by the process that reads, when it first does: an HDF5 handle must not be
    shared with forked workers.
    """

    _file: Any = None
    _owner = 0

    def ids(self) -> frozenset[str]:
        """Return the ids that have an array."""
        from snn_mm.reading.hdf5 import names_in, reading_hdf5

        with reading_hdf5(self.path) as file:
            return names_in(file)

    def read(self, key: str, out: NDArray[np.float32]) -> None:
        """Read the array of an id into `out` `[*shape]`."""
        # Here, because most data sets do without h5py.
        from snn_mm.reading.hdf5 import find_dataset

        with naming(self.path, f"'{key}' can't be read"):
            stored = find_dataset(self._handle(), key)
            check_array(self.path, key, stored.shape, stored.dtype, self.shape)
            stored.read_direct(out)  # HDF5 converts float16 on the way

    def close(self) -> None:
        """Close the file, if this process has opened it."""
        if self._file is not None and self._owner == os.getpid():
            self._file.close()
        self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}  # a spawned worker opens the file itself

    def __del__(self) -> None:
        self.close()

    def _handle(self) -> Any:
        """Return the file as this process has opened it."""
        if self._file is None or self._owner != os.getpid():
            self._file, self._owner = self._open(), os.getpid()
        return self._file

    def _open(self) -> Any:
        from snn_mm.reading.hdf5 import open_hdf5

        return open_hdf5(self.path)


class PickledFeatures(FeatureFile):
    """A dictionary of arrays in an `.npy` file; large arrays stay in the file, which is mapped."""

    @cached_property
    def _content(self) -> tuple[dict[Any, Any], Pickle]:
        return read_dictionary(self.path)

    def ids(self) -> frozenset[str]:
        """Return the ids that have an array."""
        return frozenset(self._content[0])

    def read(self, key: str, out: NDArray[np.float32]) -> None:
        """Read the array of an id into `out` `[*shape]`."""
        arrays, pickle = self._content
        if pickle.data.size() < len(pickle.data):  # to read it would end the process at once
            raise UserError(f"{self.path} has become shorter while it was in use.")
        stored = arrays.get(key)
        if not isinstance(stored, PickledArray):
            raise UserError(f"{self.path}: '{key}' is no array but {type(stored).__name__}.")
        try:
            array = stored.numpy()
        except RefusedError as error:
            raise UserError(f"{self.path}: '{key}' {error}.") from error
        check_array(self.path, key, array.shape, array.dtype, self.shape)
        out[...] = array
        if 4 * math.prod(self.shape) >= KEPT_IN_FILE:
            del array
            pickle.release()  # or pages of up to 20 GB would count as this process's memory

    def close(self) -> None:
        """Let go of the file."""
        self.__dict__.pop("_content", None)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "shape": self.shape}  # a map can't be sent to a spawned worker


def check_array(path: Path, key: str, found: Shape, dtype: np.dtype[Any], wanted: Shape) -> None:
    """Refuse an array of another shape, or not of floating-point numbers.

    Raises:
        UserError: names the file and the id.
    """
    if tuple(found) != wanted or dtype.kind != "f":
        raise UserError(
            f"{path}: '{key}' is {dtype} of shape {list(found)}; "
            f"accepted are floating-point numbers of shape {list(wanted)}."
        )
