"""Feature pickles are read as Python would, but nothing that they name is run."""

from __future__ import annotations

import builtins
import mmap
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.feature_files.unpickle import read_pickle
from datamodules.feature_files.values import PickledArray, RefusedError
from snn_mm.errors import UserError

Save = Callable[..., Path]
RNG = np.random.default_rng(0)
ARRAYS = {
    "c": RNG.normal(size=(3, 4, 5)),
    "f": np.asfortranarray(RNG.normal(size=(3, 4))),
    "transposed": RNG.normal(size=(2, 3, 4)).transpose(0, 2, 1),
    "strided": np.arange(20)[::3],
    "big_endian": np.arange(5, dtype=">f4"),
    "empty": np.zeros((0, 3), np.float32),
    "no_axis": np.array(2.5),
    "bools": np.array([True, False]),
    "strings": np.array(["a", "bc"]),
    "bytes": np.array([b"x", b"yz"]),
    "objects": np.array(["a", "文"], dtype=object),
    "large": RNG.normal(size=(40, 50, 9)),
    "large_f": np.asfortranarray(RNG.normal(size=(400, 50))),
    "read_only": np.frombuffer(RNG.bytes(800), "<f8"),
}
PLAIN = {
    "n": None,
    "t": True,
    "i": [1, -(2**40), 2**70],
    "f": 1.5,
    "u": ("文", b"\xff"),
    3: {1: []},
}


def built_in(value: object) -> object:
    """Open every array in a container."""
    if isinstance(value, PickledArray):
        return value.numpy()
    if isinstance(value, dict):
        return {key: built_in(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_come_back_as_they_were(save: Save, protocol: int) -> None:
    read = built_in(read_pickle(save(ARRAYS, protocol=protocol)).content)
    assert isinstance(read, dict)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype, name
        np.testing.assert_array_equal(read[name], array, err_msg=name)


@pytest.mark.parametrize("protocol", range(6))
def test_built_in_values_of_every_protocol_come_back(save: Save, protocol: int) -> None:
    scalars = [np.float32(1.5), np.int64(3), np.str_("a"), np.bool_(True)]
    sets = [{1, 2}, frozenset("ab"), bytearray(b"x")]
    read = read_pickle(save([PLAIN, scalars, sets, b""], protocol=protocol)).content
    assert read == [PLAIN, [1.5, 3, "a", True], sets, b""]


def test_the_spelling_of_numpy_1_is_read(save: Save) -> None:
    path = save(ARRAYS["c"], protocol=3)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.", b"numpy.core."))
    np.testing.assert_array_equal(built_in(read_pickle(path).content), ARRAYS["c"])


def test_strings_of_python_2_are_mapped_as_the_bytes_that_they_were(save: Save) -> None:
    data = np.arange(20000.0)
    new = pickle.dumps(data, 3)
    payload = b"B" + struct.pack("<I", data.nbytes)
    assert payload in new
    path = save(None)
    old = new.replace(payload, b"T" + payload[1:]).replace(b"C\x01b", b"U\x01b")
    path.write_bytes(old.replace(b"\x80\x03", b"\x80\x02", 1))
    np.testing.assert_array_equal(built_in(read_pickle(path).content), data)


def test_a_large_array_is_mapped_not_read(save: Save) -> None:
    array = read_pickle(save(np.zeros((1000, 1000)))).content.numpy()  # type: ignore[attr-defined]
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj, mmap.mmap)
    assert not array.flags.writeable


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def touch(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, f"{os.name}.system"), (builtins.eval, "builtins.eval"), (np.load, "numpy.load")],
)
def test_what_a_hostile_pickle_names_is_refused_by_name(
    save: Save, tmp_path: Path, protocol: int, function: Callable[..., object], name: str
) -> None:
    trap = tmp_path / "trap"
    path = save({"train": [Call(function, f"touch {trap}")]}, "bad.pkl", protocol)
    short = name.replace("builtins", "(__builtin__|builtins)").replace("numpy.load", "numpy.*load")
    with pytest.raises(UserError, match=rf"(?s)bad.pkl names '{short}', which was not run.*Accep"):
        read_pickle(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"(S'true'\nios\nsystem\n.", "names 'os.system'"),
        (b"cnumpy\nndarray\n(K\x01t\x81.", "opcode NEWOBJ"),
        (b"(inumpy\nndarray\n.", "opcode INST"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"Pid\n.", "opcode PERSID"),
        (b"]}b.", "sets the state of a list"),
        (b"]cnumpy\nndarray\nR.", "calls an object of type list"),
        (b"cnumpy\nndarray\n)R.", "calls 'numpy.ndarray'"),
        (b"cnumpy\ndtype\n(X\x02\x00\x00\x00V8tR.", "array of type 'V8'"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00rottR.", "calls '_codecs.encode'"),
        (b"})K\x01s.", "key of type tuple"),
    ],
)
def test_strange_uses_of_harmless_names_are_refused(
    tmp_path: Path, code: bytes, reason: str
) -> None:
    (tmp_path / "bad.pkl").write_bytes(code)
    with pytest.raises(UserError, match=reason):
        read_pickle(tmp_path / "bad.pkl")


def test_tensors_are_refused_with_what_to_do(save: Save, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="return_type='np'"):
        read_pickle(save({"train": {"text": torch.zeros(2)}}))
    torch.save({}, tmp_path / "archive.pt")
    with pytest.raises(UserError, match=r"archive.pt is an archive such as torch.save writes"):
        read_pickle(tmp_path / "archive.pt")


def test_a_file_cut_off_anywhere_is_refused(save: Save, tmp_path: Path) -> None:
    whole = save(ARRAYS).read_bytes()
    cut = tmp_path / "cut.pkl"
    for size in [1, 2, 5, *range(10, len(whole), 1009), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"cut.pkl is cut off or no pickle"):
            read_pickle(cut)


@pytest.mark.parametrize(
    "noise", [b"", b"hello, world", b"\x89PNG\r\n", b"\x00" * 99, b"I" * 10**5]
)
def test_what_is_no_pickle_is_refused(tmp_path: Path, noise: bytes) -> None:
    (tmp_path / "noise.pkl").write_bytes(noise)
    with pytest.raises(UserError, match=r"noise\.pkl"):
        read_pickle(tmp_path / "noise.pkl")


def test_a_shape_that_does_not_fit_its_bytes_is_refused(save: Save) -> None:
    path = save(np.zeros((3, 4)), protocol=4)
    path.write_bytes(path.read_bytes().replace(b"K\x03K\x04\x86", b"K\xffK\xff\x86"))
    array = read_pickle(path).content
    assert isinstance(array, PickledArray)
    with pytest.raises(RefusedError, match=r"\(255, 255\), 520200 bytes, but the file holds 96"):
        array.numpy()


def test_an_object_that_claims_to_be_huge_allocates_nothing(tmp_path: Path) -> None:
    for opcode, form in ((b"\x8e", "<Q"), (b"\x96", "<Q"), (b"X", "<I")):
        claim = 2**40 if form == "<Q" else 2**31
        (tmp_path / "huge.pkl").write_bytes(b"\x80\x05" + opcode + struct.pack(form, claim) + b".")
        with pytest.raises(UserError, match=f"an object of {claim} bytes"):
            read_pickle(tmp_path / "huge.pkl")


def test_lists_of_lists_of_lists_are_no_bomb(tmp_path: Path) -> None:
    bomb = b"\x80\x04]" + b"\x94(h\x00h\x00h\x00e" * 30 + b"." + b"\x00"
    nested = b"\x80\x04" + b"(" * 10**5 + b"t" * 10**5 + b"."
    for code in (bomb, nested):
        (tmp_path / "bomb.pkl").write_bytes(code)
        with pytest.raises(UserError, match=r"refers to itself|levels inside"):
            read_pickle(tmp_path / "bomb.pkl")
