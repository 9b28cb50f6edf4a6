"""HDF5: nothing is read from other files, and no file of a kilobyte claims gigabytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snn_mm.errors import UserError
from snn_mm.reading.hdf5 import find_dataset, names_in, reading_hdf5


def external_link(file: Any, other: Path) -> None:
    file["x"] = h5py.ExternalLink(str(other), "secret")


def link_in_a_group(file: Any, other: Path) -> None:
    file.create_group("y")["x"] = np.zeros(1)
    file["x"] = h5py.SoftLink("/y/x")


def external_storage(file: Any, other: Path) -> None:
    file.create_dataset("x", (4,), np.uint8, external=[(str(other), 0, 4)])


def virtual(file: Any, other: Path) -> None:
    layout = h5py.VirtualLayout((2,), np.float64)
    layout[:] = h5py.VirtualSource(str(other), "secret", (2,))
    file.create_virtual_dataset("x", layout)


def bomb(file: Any, other: Path) -> None:
    file.create_dataset("x", (10**9, 10), np.float64, chunks=(1000, 10), compression="gzip")


def group(file: Any, other: Path) -> None:
    file.create_group("x")


def texts(file: Any, other: Path) -> None:
    file["x"] = ["a", "b"]


def nothing(file: Any, other: Path) -> None:
    """A file without the data set."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (external_link, "'x' is a link, which is not followed"),
        (link_in_a_group, "'x' is a link, which is not followed"),
        (external_storage, "'x' has its values in another file"),
        (virtual, "'x' has its values in another file"),
        (bomb, "'x' claims 80,000,000,000 bytes in a file of"),
        (group, "'x' is no data set"),
        (texts, "'x' holds object, no numbers"),
        (nothing, "no 'x'"),
    ],
)
def test_what_holds_no_numbers_of_its_own_is_refused(
    make: Callable[[Any, Path], None], message: str, tmp_path: Path
) -> None:
    other, path = tmp_path / "other.h5", tmp_path / "a.h5"
    with h5py.File(other, "w", locking=False) as file:
        file["secret"] = np.ones(2)
    with h5py.File(path, "w", locking=False) as file:
        make(file, other)
    said = rf"a\.h5 can't be read as HDF5: {message}"
    with pytest.raises(UserError, match=said), reading_hdf5(path) as file:
        find_dataset(file, "x")[...]


def test_numbers_are_read_also_below_a_group_and_packed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", locking=False) as file:
        zeros = np.zeros((3000, 50))  # which packs to a thousandth
        file.create_dataset("g/x", data=zeros, compression="gzip", compression_opts=9)
    with reading_hdf5(tmp_path / "a.h5") as file:
        assert names_in(file) == {"g"}
        assert find_dataset(file, "g/x").shape == (3000, 50)


def test_what_is_no_hdf5_or_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", locking=False) as file:
        file["x"] = np.ones(1000)
    whole = path.read_bytes()
    for content in (b"", b"garbage", whole[:100], whole[:-4000]):
        path.write_bytes(content)
        said = r"a\.h5 can't be read as HDF5"
        with pytest.raises(UserError, match=said), reading_hdf5(path) as file:
            find_dataset(file, "x")[...]
