"""Features of videos, one file each, of which only the wanted steps are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.store.folders import by_name, find_files
from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array
from snn_mm.reading.hdf5 import find_dataset, names_in, reading_hdf5

KEY = "features"
"""Name of the data set in an HDF5 file."""

SUFFIXES = (".npy", ".h5")

_HEAD = 64 * 1024
"""Bytes of each file that a digest reads: all files of a kind are equally large."""


@dataclass(frozen=True)
class FeatureFolder:
    """A folder of `<video_id>.npy` or `<video_id>.h5`.

    Attributes:
        directory: where they lie.
        shape: of every array, `(L, ...)`: L seconds first.
    """

    directory: Path
    shape: tuple[int, ...]

    @cached_property
    def _paths(self) -> dict[str, Path]:
        if not self.directory.is_dir():
            raise UserError(
                f"{self.directory}: no such directory; accepted is a folder of <video_id>.npy or "
                f"<video_id>.h5, each {list(self.shape)}."
            )
        # A link whose target is gone is no file, and named as missing.
        files = [path for path in find_files(self.directory, SUFFIXES) if path.is_file()]
        return by_name(sorted(files, key=lambda path: SUFFIXES.index(path.suffix.lower())))

    def require(self, videos: Iterable[str]) -> None:
        """Refuse videos without features; names the first missing file and how many are missing."""
        wanted = set(videos)
        if missing := sorted(wanted - self._paths.keys()):
            raise UserError(
                f"{self.directory / missing[0]}.npy (or .h5) is missing\n"
                f"features are there of {len(wanted) - len(missing)} of {len(wanted)} videos; "
                f"accepted: {list(self.shape)} of every video that is asked about"
            )

    def steps(self, video: str, stride: int) -> Tensor:
        """Read every `stride`-th second, from the first one on.

        Returns:
            `[ceil(L / stride), ...]` in float32.

        Raises:
            UserError: the file is missing, damaged or of another shape.
        """
        found = torch.empty(self.count(stride), *self.shape[1:])
        self.read(video, slice(None, None, stride), found.numpy())
        return found

    def step(self, video: str, second: int) -> Tensor:
        """Read one second `[...]` in float32.

        Raises:
            UserError: the file is missing, damaged or of another shape.
        """
        found = torch.empty(self.shape[1:])
        self.read(video, second, found.numpy())
        return found

    def count(self, stride: int) -> int:
        """How many seconds are read, from the first one on."""
        return len(range(0, self.shape[0], stride))

    def read(self, video: str, seconds: int | slice, out: NDArray[np.float32]) -> None:
        """Read a second `[...]`, or some `[L, ...]`, to where they belong."""
        with self._open(video) as array:
            out[...] = array[seconds]

    def digest(self, videos: Iterable[str]) -> str:
        """Return a SHA-256 of the files' names, sizes and beginnings, for all is 200 GB."""
        sha = hashlib.sha256()
        for video in sorted(set(videos)):
            path = self._paths[video]
            with path.open("rb") as file:
                sha.update(f"{path.name} {path.stat().st_size}\n".encode() + file.read(_HEAD))
        return sha.hexdigest()

    @contextmanager
    def _open(self, video: str) -> Iterator[Any]:
        """Open one file without reading its values."""
        self.require([video])
        path = self._paths[video]
        with _opened(path) as array:
            _check_array(path, array, self.shape)
            yield array


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.suffix.lower() == ".npy":
        yield map_array(path)
        return
    with reading_hdf5(path) as file:
        if KEY not in names_in(file):
            found = ", ".join(sorted(names_in(file))) or "none"
            raise UserError(f"{path} has no data set '{KEY}'; it has {found}\naccepted: {KEY}")
        yield find_dataset(file, KEY)


def _check_array(path: Path, array: Any, shape: Sequence[int]) -> None:
    """Refuse an array of another shape, or one that holds no floating-point numbers."""
    if tuple(array.shape) != tuple(shape) or not np.issubdtype(array.dtype, np.floating):
        raise UserError(
            f"{path} holds {list(array.shape)} of {array.dtype}; "
            f"accepted is {list(shape)} of floating-point numbers."
        )
