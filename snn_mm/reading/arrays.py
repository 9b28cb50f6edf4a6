"""Arrays in `.npy` and `.npz` files that anyone may have written or damaged."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn_mm.reading.text import check_regular, naming

LONGEST_HEADER = 1 << 16
LARGEST_ENTRY = 1 << 30
"""Bytes of the largest array that is unpacked from an archive."""


class ArrayHeader(NamedTuple):
    """What an `.npy` file says before its values."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def values(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values * self.dtype.itemsize


def read_header(stream: Any) -> ArrayHeader:
    """The header at the beginning of a stream, which NumPy reads as a literal.

    Raises:
        Exception: whatever NumPy raises for what is no header; `naming` is for the caller.
    """
    npy = np.lib.format
    first = npy.read_magic(stream) == (1, 0)
    length = stream.read(2 if first else 4)
    if (size := int.from_bytes(length, "little")) > LONGEST_HEADER:
        raise ValueError(f"a header of {size:,} bytes")
    said = io.BytesIO(length + stream.read(size))
    shape, is_fortran, dtype = (
        npy.read_array_header_1_0(said) if first else npy.read_array_header_2_0(said)
    )
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape}")
    return ArrayHeader(shape, is_fortran, dtype)


def map_array(path: Path, then: str = "") -> NDArray[Any]:
    """An array that stays in its file, mapped and read-only.

    Args:
        path: an `.npy` file.
        then: what to do if it is damaged, for the message.

    Raises:
        UserError: it is missing, damaged, shorter than it says, or holds Python objects.
    """
    size = check_regular(path)
    with naming(path, "can't be read", then):
        with path.open("rb") as stream:
            header = _numbers(read_header(stream), size - stream.tell())
            start = stream.tell()
        if not header.nbytes:  # nothing can be mapped of it
            return np.zeros(header.shape, header.dtype)
        order: Any = "F" if header.is_fortran else "C"
        return np.memmap(path, header.dtype, "r", start, header.shape, order)


def entry_names(path: Path) -> list[str]:
    """Names of the arrays in an `.npz` file.

    Raises:
        UserError: it is missing or damaged.
    """
    check_regular(path)
    with naming(path, "can't be read"), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_entries(path: Path, keys: Collection[str]) -> dict[str, NDArray[Any]]:
    """Arrays of an archive, in memory.

    Raises:
        UserError: it is missing or damaged, lacks a key, or unpacks to more than it should.
    """
    check_regular(path)
    with naming(path, "can't be read"), zipfile.ZipFile(path) as archive:
        return {key: _entry(archive, f"{key}.npy") for key in keys}


def _entry(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    size = archive.getinfo(name).file_size
    if size > LARGEST_ENTRY:
        raise ValueError(f"{name} claims {size:,} bytes")
    with archive.open(name) as stream:
        return _read_values(stream, size)


def _read_values(stream: IO[bytes], size: int) -> NDArray[Any]:
    """The array of a stream of so many bytes."""
    header = _numbers(read_header(stream), size)
    values = np.frombuffer(stream.read(header.nbytes), header.dtype, header.values)
    return values.reshape(header.shape, order="F" if header.is_fortran else "C")


def _numbers(header: ArrayHeader, room: int) -> ArrayHeader:
    """Refuse objects, which would be unpickled, and more values than there are bytes."""
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    if header.nbytes > room:
        raise ValueError(f"{list(header.shape)} of {header.dtype} are not in {room:,} bytes")
    if not header.dtype.itemsize and header.values:
        raise ValueError(f"values of {header.dtype} have no size")
    return header
