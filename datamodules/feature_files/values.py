"""What a feature pickle may hold and call: inert stand-ins of NumPy's objects.

Nothing here calls what a pickle names. An array stays where it is in the file until it is opened.
"""

from __future__ import annotations

import math
import re
import reprlib
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = frozenset({
    "_codecs.encode", "numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer",
    "builtins.bytes", "builtins.bytearray", "builtins.set", "builtins.frozenset",
})  # fmt: skip
"""All that a feature pickle may name, in the spelling of NumPy 1 and Python 3."""

_TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]|O[48]?|[SU]\d{1,7}")
_BYTE_ORDERS = ("<", ">", "=", "|")


class RefusedError(Exception):
    """The pickle holds what a feature file never holds; says what."""


@dataclass(frozen=True)
class Global:
    """A name that the pickle mentions; one of `NAMES`."""

    name: str


@dataclass(frozen=True)
class Payload:
    """Bytes of a large object, still in the file.

    Attributes:
        file: the pickle, mapped.
        start: position of the first byte.
        size: number of bytes in the file.
        is_text: whether each byte was written as a character in UTF-8, as protocol 2 does.
    """

    file: mmap
    start: int
    size: int
    is_text: bool = False

    def content(self) -> memoryview:
        """The bytes: a view of the file, or a copy where they were written as text."""
        view = memoryview(self.file)[self.start : self.start + self.size]
        return memoryview(str(view, "utf-8").encode("latin-1")) if self.is_text else view


@dataclass
class DType:
    """A NumPy type of numbers or strings, or of objects."""

    code: str
    order: str = "="

    def __post_init__(self) -> None:
        if not _TYPE_CODE.fullmatch(self.code):
            raise RefusedError(f"holds an array of type {self.code[:20]!r}")

    def build(self, state: Any) -> None:
        """Take the byte order; a type with fields is refused."""
        match state:
            case (int(), str(order), None, None, None, *_) if order in _BYTE_ORDERS:
                self.order = order
            case _:
                raise RefusedError("holds an array whose type has fields")

    def numpy(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self.order + self.code)


@dataclass
class PickledArray:
    """An array whose values stay in the file until `numpy` is called.

    Attributes:
        shape: of the array.
        dtype: of its values; None until the pickle has told it.
        values: what they are made of; the values themselves where they are objects.
        order: `C` or `F`, how they lie in the file.
        axes: how the axes are permuted after reshaping, if they are.
    """

    shape: tuple[int, ...] = ()
    dtype: DType | None = None
    values: Payload | bytes | list[Any] = b""
    order: str = "C"
    axes: tuple[int, ...] | None = None

    def build(self, state: Any) -> None:
        """Take shape, type and values, as `ndarray.__setstate__` does."""
        match state:
            case (int(), tuple(shape), DType() as dtype, bool(is_fortran), values):
                self.shape, self.dtype, self.values = checked_shape(shape), dtype, raw(values)
                self.order = "F" if is_fortran else "C"
            case _:
                raise RefusedError("builds an array of arguments that NumPy never writes")

    def numpy(self) -> NDArray[Any]:
        """The array: read-only and mapped, unless it was written as text or holds objects.

        Raises:
            RefusedError: its shape does not fit its values.
        """
        if self.dtype is None:
            raise RefusedError("is an array without a type")
        dtype, count = self.dtype.numpy(), math.prod(self.shape)
        if isinstance(self.values, list) != (dtype.kind == "O"):
            raise RefusedError(f"is an array of {dtype} whose values are not of that type")
        if isinstance(self.values, list):
            _check_size(self.shape, count, len(self.values), "objects")
            return _objects(self.values).reshape(self.shape, order=self._order())
        values = self.values.content() if isinstance(self.values, Payload) else self.values
        _check_size(self.shape, count * dtype.itemsize, len(values), "bytes")
        flat = np.frombuffer(values, dtype) if count else np.zeros(0, dtype)
        array = flat.reshape(self.shape, order=self._order())
        return array if self.axes is None else array.transpose(self.axes)

    def _order(self) -> Any:
        return self.order


def _objects(values: list[Any]) -> NDArray[Any]:
    """A flat array of objects; a list among them stays a list."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def _check_size(shape: tuple[int, ...], wanted: int, found: int, unit: str) -> None:
    if wanted != found:
        raise RefusedError(f"has the shape {shape}, {wanted} {unit}, but the file holds {found}")


def checked_shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Refuse what is no shape."""
    if len(shape) > 8 or any(type(size) is not int or size < 0 for size in shape):
        raise RefusedError(f"holds an array of shape {reprlib.repr(shape)}")
    return shape


def raw(values: Any) -> Payload | bytes | list[Any]:
    """Refuse what an array is never made of; text of Python 2 stands for bytes."""
    if isinstance(values, str):
        return values.encode("latin-1")
    if isinstance(values, Payload | bytes | list):
        return values
    raise RefusedError(f"builds an array of {type(values).__name__}")


def scalar(dtype: DType, values: Any) -> object:
    """The built-in value of a NumPy scalar."""
    content = raw(values)
    if not isinstance(content, bytes) or dtype.numpy().kind == "O":
        raise RefusedError("holds a NumPy scalar that is no number or string")
    return PickledArray((), dtype, content).numpy().item()


def named(module: str, name: str) -> Global:
    """Return the stand-in of a name, which is never imported.

    Raises:
        RefusedError: it is not among `NAMES`.
    """
    spelled = f"{module}.{name}".replace("numpy._core.", "numpy.core.", 1)
    full = spelled.replace("__builtin__.", "builtins.", 1)
    if full in NAMES:
        return Global(full)
    if module.partition(".")[0] == "torch":
        raise RefusedError(
            f"holds PyTorch tensors ('{module}.{name}'). Extract the features again with "
            "return_type='np', or save them with .numpy()"
        )
    raise RefusedError(f"names '{module[:60]}.{name[:60]}', which was not run")


def reduced(function: object, arguments: object) -> object:
    """Return what stands for the result of a call.

    Raises:
        RefusedError: the call is none that NumPy and Python write for arrays and containers.
    """
    if not isinstance(function, Global):
        raise RefusedError(f"calls an object of type {type(function).__name__}")
    match function.name, arguments:
        case "numpy.dtype", (str(code), *_):
            return DType(code)
        case "numpy.core.multiarray._reconstruct", (Global(_), (0,), b"b" | "b"):
            return PickledArray()
        case "numpy.core.multiarray.scalar", (DType() as dtype, values):
            return scalar(dtype, values)
        case "numpy.core.numeric._frombuffer", (values, DType() as dtype, tuple(shape), *layout):
            return _from_buffer(values, dtype, shape, layout)
        case "_codecs.encode", (text, "latin1" | "latin-1"):
            return _encoded(text)
        case _:
            return _built_in(function.name, arguments)


def _from_buffer(
    values: Any, dtype: DType, shape: tuple[Any, ...], layout: list[Any]
) -> PickledArray:
    """An array of protocol 5: in order `C`, `F`, or `K` with its axes permuted."""
    match layout:
        case ["C" | "F" as order] | ["C" | "F" as order, None]:
            return PickledArray(checked_shape(shape), dtype, raw(values), order)
        # Their kind first: to sort lists in lists may take forever.
        case ["K", tuple(axes)] if {*map(type, axes)} <= {int} and sorted(axes) == [
            *range(len(shape))
        ]:
            return PickledArray(checked_shape(shape), dtype, raw(values), "C", axes)
    raise RefusedError("builds an array of arguments that NumPy never writes")


def _encoded(text: object) -> Payload | bytes:
    """Bytes that protocol 2 wrote as text."""
    if isinstance(text, Payload) and text.is_text:
        return text
    if isinstance(text, str):
        return text.encode("latin-1")
    raise RefusedError(f"encodes {type(text).__name__}")


def _built_in(name: str, arguments: object) -> object:
    """A built-in value that older protocols make by a call."""
    match name, arguments:
        case "builtins.bytes" | "builtins.bytearray", ():
            return b""
        case "builtins.bytearray", (bytes(values),):
            return values
        case "builtins.set" | "builtins.frozenset", (list(items),):
            if all(isinstance(item, str | int | float | bytes) for item in items):
                return frozenset(items)
    raise RefusedError(f"calls '{name}' with arguments that no feature file has")
