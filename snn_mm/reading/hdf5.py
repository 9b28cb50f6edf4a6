"""HDF5 that anyone may have written or damaged: no other file is read through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from snn_mm.reading.text import check_regular, naming

WHAT = "can't be read as HDF5"
LARGEST_RATIO = 1100
"""Bytes of values by byte of the file; DEFLATE reaches 1032."""
ALWAYS = 1 << 20


def open_hdf5(path: Path, then: str = "") -> Any:
    """The file, open for reading; whoever asks closes it.

    Args:
        path: the file.
        then: what is accepted, for the message.

    Raises:
        UserError: it can't be read.
    """
    with naming(path, WHAT, then):
        check_regular(path)
        return h5py.File(path, "r", locking=False)


@contextmanager
def reading_hdf5(path: Path, then: str = "") -> Iterator[Any]:
    """The file, open in a block; what fails in the block is the file's fault.

    Args:
        path: the file.
        then: what is accepted, for the message.

    Raises:
        UserError: it, or what the block looks for, can't be read.
    """
    with naming(path, WHAT, then), open_hdf5(path, then) as file:
        yield file


def names_in(file: Any) -> frozenset[str]:
    """What the file has at its top; a name that is no UTF-8 is none of ours."""
    return frozenset(name for name in file if isinstance(name, str))


def find_dataset(file: Any, key: str) -> Any:
    """A data set of numbers that lies in this file, of which nothing is read yet.

    Raises:
        KeyError: there is none.
        TypeError: it is a link, or no data set.
        ValueError: it lies in another file, is of other things than numbers, or claims more values
            than the file can hold.
        Exception: whatever HDF5 raises for damage; `naming` is for the caller.
    """
    for end in [at for at, sign in enumerate(key) if sign == "/"] + [len(key)]:
        link = file.get(key[:end], getlink=True)
        if link is None:
            raise KeyError(key)
        if not isinstance(link, h5py.HardLink):
            raise TypeError(f"'{key[:end]}' is a link, which is not followed")
    stored = file[key]
    if not isinstance(stored, h5py.Dataset):
        raise TypeError(f"'{key}' is no data set")
    if stored.external or stored.is_virtual:
        raise ValueError(f"'{key}' has its values in another file, which is not read")
    if stored.dtype.hasobject or stored.dtype.kind not in "biuf":
        raise ValueError(f"'{key}' holds {stored.dtype}, no numbers")
    size = stored.file.id.get_filesize()
    if stored.nbytes > ALWAYS + LARGEST_RATIO * size:
        raise ValueError(f"'{key}' claims {stored.nbytes:,} bytes in a file of {size:,}")
    return stored
