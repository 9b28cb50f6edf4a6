"""Arrays: a header is held against the file before anything is mapped or unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array, read_entries


def header(shape: object, dtype: str = "<f4", version: tuple[int, int] = (1, 0)) -> bytes:
    said = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = len(said).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((10**12,)) + bytes(8), r"\[1000000000000\] of float32 are not in 8 bytes"),
        (header((-1, 2)) + bytes(8), "shape"),
        (header((1,), "|O") + b"cos\nsystem\n.", "Python objects, which are never unpickled"),
        (header((10**15,), "|S0"), "values of"),
        (header("(2,")[:40], "can't be read"),
        (header("(2"), "can't be read"),
        (header("((((" * 2000), "can't be read"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "a header of 4,294,967,295 bytes"),
        (b"\x93NUMPY\x09\x00\x10\x00", "can't be read"),
        (b"", "can't be read"),
    ],
)
def test_a_damaged_array_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.npy can't be read: .*{message}|{message}"):
        map_array(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((0, 3))],
)
def test_whole_arrays_are_mapped_as_they_are(array: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    mapped = map_array(tmp_path / "a.npy")
    np.testing.assert_array_equal(mapped, array)
    assert mapped.dtype == array.dtype
    assert isinstance(mapped, np.memmap) == bool(array.size)


def test_an_archive_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.arange(3), b=np.zeros(3))
    assert read_entries(path, ["a"])["a"].tolist() == [0, 1, 2]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header((10**12,)) + bytes(10**6))
    with pytest.raises(UserError, match=r"a\.npz can't be read: \[1000000000000\]"):
        read_entries(path, ["a"])
    with pytest.raises(UserError, match=r"a\.npz can't be read"):
        read_entries(path, ["b"])


def test_objects_in_an_archive_are_not_unpickled(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", buffer.getvalue())
    with pytest.raises(UserError, match="never unpickled"):
        read_entries(tmp_path / "a.npz", ["a"])
