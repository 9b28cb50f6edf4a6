"""The few names that feature pickles call, and what stands for the result of each call."""

from __future__ import annotations

from typing import Any

from datamodules.feature_files.values import (
    DType,
    Global,
    Payload,
    PickledArray,
    RefusedError,
    checked_shape,
    raw,
    scalar,
)

_ENCODE = "_codecs.encode"
_ARRAY, _DTYPE = "numpy.ndarray", "numpy.dtype"
_RECONSTRUCT, _SCALAR = "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar"
_FROMBUFFER = "numpy.core.numeric._frombuffer"

NAMES = frozenset({
    _ENCODE, _ARRAY, _DTYPE, _RECONSTRUCT, _SCALAR, _FROMBUFFER,
    "builtins.bytes", "builtins.bytearray", "builtins.set", "builtins.frozenset",
})  # fmt: skip
"""All that a feature pickle may name, in the spelling of NumPy 1 and Python 3."""


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
        case ["K", tuple(axes)] if sorted(axes) == list(range(len(shape))):
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
