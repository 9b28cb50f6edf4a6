"""Reads pickles of feature files without running anything that they name.

This is no use of `pickle`: opcodes are interpreted one by one, what they name is looked up in a
list of a few strings and never imported, and what they call becomes an inert stand-in. Large
objects are not read at all: an array of 3 GB costs as much memory as its shape, and is mapped when
it is opened.
"""

from __future__ import annotations

import struct
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from pickletools import OpcodeInfo, opcodes
from typing import Any, NamedTuple

from datamodules.feature_files.machine import Machine
from datamodules.feature_files.tangle import check_tangle
from datamodules.feature_files.values import Payload, RefusedError
from snn_mm.errors import UserError
from snn_mm.reading.arrays import read_header
from snn_mm.reading.text import check_regular, naming

KEPT_IN_FILE = 1 << 16
"""Objects of at least this many bytes are not read."""

_OPCODES = {opcode.code: opcode for opcode in opcodes}
_LONGEST_LINE = 1 << 16
"""Of names and numbers; protocol 0 writes the values of an array as one line of text."""
_TEXT = ("UNICODE", "STRING")
_TO_NEWLINE = -1
_SIZES = {
    "BINBYTES": "<I",
    "BINBYTES8": "<Q",
    "BYTEARRAY8": "<Q",
    "BINSTRING": "<i",
    "BINUNICODE": "<I",
    "BINUNICODE8": "<Q",
}
_ACCEPTED = "Accepted are NumPy arrays, numbers, strings and built-in containers of them."


class Pickle(NamedTuple):
    """A feature pickle.

    Attributes:
        content: what it holds: arrays as `PickledArray`, NumPy scalars as built-in values.
        data: the file, mapped.
    """

    content: object
    data: mmap

    def release(self) -> None:
        """Let go of the pages of the file that were read; they are mapped again when needed."""
        self.data.madvise(MADV_DONTNEED)


def read_pickle(path: Path) -> Pickle:
    """Read a feature pickle of protocol 0 to 5, or that in an .npy file of Python objects.

    Raises:
        UserError: the file is damaged, is no pickle, or names what no feature file needs.
    """
    check_regular(path)
    with naming(path, "can't be read"), path.open("rb") as file:
        data = mmap(file.fileno(), 0, access=ACCESS_READ)
    if data[:4] == b"PK\x03\x04":
        raise UserError(
            f"{path} is an archive such as torch.save writes, no pickle of NumPy arrays.\n"
            "Extract the features again with return_type='np', or save them with .numpy()."
        )
    try:
        _pass_npy_header(data)
        content = _interpret(data)
        check_tangle(content, len(data))
        return Pickle(content, data)
    except RefusedError as error:
        raise UserError(f"{path} {error}.\n{_ACCEPTED}") from error
    except Exception as error:  # pickletools and NumPy raise errors of many kinds
        raise UserError(
            f"{path} is cut off or no pickle: byte {data.tell()} of {len(data)} makes no sense "
            f"({str(error)[:80]}).\n{_ACCEPTED}"
        ) from error


def _pass_npy_header(data: mmap) -> None:
    """Go to the pickle that follows the header of an .npy file, if it is one."""
    if data[:6] != b"\x93NUMPY":
        return
    dtype = read_header(data).dtype
    if not dtype.hasobject:
        raise RefusedError(f"is an array of {dtype}, no dictionary that np.save has pickled")


def _interpret(data: mmap) -> object:
    """Run the opcodes up to STOP."""
    machine = Machine(len(data))
    while True:
        opcode = _OPCODES.get(data.read(1).decode("latin-1"))
        if opcode is None:
            raise ValueError("no opcode")
        if opcode.name == "STOP":
            return machine.pop()
        machine.run(opcode.name, _argument(data, opcode))


def _argument(data: mmap, opcode: OpcodeInfo) -> Any:
    """Decode what follows an opcode; frames are passed over, since the file is mapped whole."""
    if opcode.name in _SIZES:
        return _large(data, opcode.name)
    if opcode.arg is None:
        return None
    position = data.tell()
    longest = len(data) if opcode.name in _TEXT else position + _LONGEST_LINE
    if opcode.arg.n == _TO_NEWLINE and data.find(b"\n", position, longest) < 0:
        raise ValueError("no end of a line")
    reader: Any = opcode.arg.reader
    return reader(data)


def _large(data: mmap, opcode: str) -> Payload | bytes | str:
    """Read a small object, and pass over a large one."""
    form = _SIZES[opcode]
    (size,) = struct.unpack(form, data.read(struct.calcsize(form)))
    start, is_text = data.tell(), opcode.startswith("BINUNICODE")
    if not 0 <= size <= len(data) - start:
        raise ValueError(f"an object of {size} bytes")
    if size >= KEPT_IN_FILE:
        data.seek(start + size)
        return Payload(data, start, size, is_text)
    content = data.read(size)
    if is_text:
        return content.decode("utf-8", "surrogatepass")
    return content.decode("latin-1") if opcode == "BINSTRING" else content
