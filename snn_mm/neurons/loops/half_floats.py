"""16-bit floats inside compiled loops: read as float32, written rounded to the nearest.

numba does not compute in 16 bits, so their bits come as whole numbers, and the kind of whole number
tells the format: `int16` is bfloat16, `uint16` is float16. `widen` and `narrow` leave float32 as it
is, so a loop that uses them is compiled once for each of the three. All of it vectorises.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numba import types
from numba.core.cgutils import ir
from numba.extending import intrinsic, overload
from torch import Tensor

FORMATS = (torch.float32, torch.bfloat16, torch.float16)
"""What the compiled loops read and write."""

_I8, _I16, _I32, _F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()


def as_array(x: Tensor) -> np.ndarray[Any, Any]:
    """A dense CPU tensor of one of the `FORMATS` as an array that the loops take, not copied."""
    if x.dtype == torch.bfloat16:
        return cast("np.ndarray[Any, Any]", x.view(torch.int16).numpy())
    array = cast("np.ndarray[Any, Any]", x.numpy())
    return array.view(np.uint16) if x.dtype == torch.float16 else array


@intrinsic  # type: ignore[untyped-decorator]
def widen(typing: Any, number: Any) -> Any:
    """A number of a loop's array in float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return widened(builder, number, arguments[0])

    return types.float32(number), generate


def widened(builder: Any, kind: Any, bits: Any) -> Any:
    """The instructions of `widen`, for a number of this kind or for a vector of them."""

    def like(scalar: Any) -> Any:
        lanes = getattr(bits.type, "count", None)
        return scalar if lanes is None else ir.VectorType(scalar, lanes)

    if kind == types.int16:
        wide = builder.zext(bits, like(_I32))
        upper = _I32(16) if like(_I32) == _I32 else ir.Constant(wide.type, [16] * wide.type.count)
        return builder.bitcast(builder.shl(wide, upper), like(_F32))
    if kind == types.uint16:
        return builder.fpext(builder.bitcast(bits, like(ir.HalfType())), like(_F32))
    return bits


@intrinsic  # type: ignore[untyped-decorator]
def narrow(typing: Any, value: Any, like: Any) -> Any:
    """A float32 as the array `like` holds it; spikes may be bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if like.dtype == types.int16:
            return _bfloat16(builder, arguments[0])
        if like.dtype == types.uint16:
            return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), _I16)
        if like.dtype == types.uint8:
            return builder.fptoui(arguments[0], _I8)
        return arguments[0]

    return like.dtype(value, like), generate


def _bfloat16(builder: Any, value: Any) -> Any:
    """The upper half of a float32 after rounding; ties go to even."""
    bits = builder.bitcast(value, _I32)
    last = builder.and_(builder.lshr(bits, _I32(16)), _I32(1))
    rounded = builder.add(bits, builder.add(last, _I32(0x7FFF)))
    broken = builder.fcmp_unordered("uno", value, value)
    chosen = builder.select(broken, _I32(0x7FC00000), rounded)
    return builder.trunc(builder.lshr(chosen, _I32(16)), _I16)


def floats_of(numbers: Any, scratch: Any) -> Any:
    """Where a loop computes in float32: in `numbers` if they are, else in `scratch`."""
    raise NotImplementedError("for compiled loops")


@overload(floats_of, strict=False)  # type: ignore[untyped-decorator]
def _floats_of(numbers: Any, scratch: Any) -> Any:
    if numbers.dtype == types.float32:
        return lambda numbers, scratch: numbers
    return lambda numbers, scratch: scratch[: numbers.size]


def settle(numbers: Any, values: Any) -> None:
    """Bring what was computed in the `floats_of` some numbers into them."""
    raise NotImplementedError("for compiled loops")


@overload(settle, strict=False)  # type: ignore[untyped-decorator]
def _settle(numbers: Any, values: Any) -> Any:
    if numbers.dtype == types.float32:
        return lambda numbers, values: None

    def write(numbers: Any, values: Any) -> None:
        for i in range(numbers.size):
            numbers[i] = narrow(values[i], numbers)

    return write


def is_plain(x: Tensor) -> bool:
    """Whether loops can read `x` `[T, ...]` as it lies in memory: floats that nobody traces."""
    plain = type(x) in (Tensor, torch.nn.Parameter) and x.layout == torch.strided
    floats = plain and x.dtype in FORMATS and not torch.compiler.is_compiling()
    return floats and x.dim() > 1 and x.numel() > 0
