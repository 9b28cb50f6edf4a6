"""Sixteen numbers of compiled loops at once.

LLVM turns a loop into vector instructions for lengths it does not know by taking 64 numbers a turn,
and takes what is left one by one: for the 16 or 32 channels of a pixel that is all. Here the
instructions are written down.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core.cgutils import ir
from numba.extending import intrinsic

from snn_mm.neurons.loops.half_floats import widened

LANES = 16
"""How many numbers each function here takes."""

_I8, _I32, _FLOAT = ir.IntType(8), ir.IntType(32), ir.FloatType()


@intrinsic  # type: ignore[untyped-decorator]
def add_where(
    typing: Any, into: Any, at: Any, values: Any, start: Any, names: Any, name: Any
) -> Any:
    """Add float or 16-bit `values` from `start` to `into` from `at`, where their names are `name`.

    `names` are bytes and begin at `start`, as `values` do.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = _lanes(context, builder, signature, given, 0)
        old = builder.load(target, align=4)
        bits = builder.load(_lanes(context, builder, signature, given, 2), align=2)
        value = widened(builder, values.dtype, bits)
        its_name = builder.load(_lanes(context, builder, signature, given, 4, at=3), align=1)
        same = builder.icmp_unsigned("==", its_name, _spread(builder, given[5]))
        zeros = ir.Constant(ir.VectorType(_FLOAT, LANES), [0.0] * LANES)
        builder.store(builder.fadd(old, builder.select(same, value, zeros)), target, align=4)
        return context.get_dummy_value()

    return types.void(into, types.intp, values, types.intp, names, types.uint8), generate


@intrinsic  # type: ignore[untyped-decorator]
def put_where(typing: Any, into: Any, at: Any, flags: Any, start: Any, name: Any) -> Any:
    """Put the byte `name` into bytes from `at` on, where flags from `start` on are not 0."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = _lanes(context, builder, signature, given, 0)
        old = builder.load(target, align=1)
        flag = builder.load(_lanes(context, builder, signature, given, 2), align=1)
        up = builder.icmp_unsigned("!=", flag, ir.Constant(flag.type, [0] * LANES))
        builder.store(builder.select(up, _spread(builder, given[4]), old), target, align=1)
        return context.get_dummy_value()

    return types.void(into, types.intp, flags, types.intp, types.uint8), generate


def _lanes(
    context: Any, builder: Any, signature: Any, given: Any, array: int, at: int | None = None
) -> Any:
    """Where 16 numbers of an argument begin: at the argument behind it, or at another."""
    numbers = context.make_array(signature.args[array])(context, builder, given[array])
    first = builder.gep(numbers.data, [given[array + 1 if at is None else at]])
    return builder.bitcast(first, ir.VectorType(first.type.pointee, LANES).as_pointer())


def _spread(builder: Any, byte: Any) -> Any:
    """A byte in all lanes."""
    none = ir.Constant(ir.VectorType(_I8, LANES), ir.Undefined)
    one = builder.insert_element(none, byte, _I32(0))
    return builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))
