"""The compiled loops of a batch norm whose numbers lie channel by channel, `[rows, C]`.

Sums are taken in float64 over pieces of fixed size, and the pieces added in their order, so they
are the same whatever the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.loops.compiled import compiled
from snn_mm.neurons.loops.half_floats import narrow, widen


@compiled
def add(total: Any, sums: Any) -> None:
    """Add float32 sums to those in float64, of equal length."""
    for i in range(total.size):
        total[i] += np.float64(sums[i])


@compiled
def fold(total: Any, sums: Any) -> None:
    """Fill `total` `[2, C]` with the sums `[2, block]` of each channel."""
    channels = total.shape[1]
    total[:] = 0.0
    for kind in range(2):
        for low in range(0, sums.shape[1], channels):
            total[kind] += sums[kind, low : low + channels]


@compiled
def _powers(a: Any, b: Any) -> Any:
    x, y = widen(a), widen(b)
    return x + y, x * x + y * y


@compiled
def _add_four_rows(sums: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    # Few numbers are added up in float32, which loses nothing that counts and halves the time.
    of_x, of_square = sums[0], sums[1]
    for i in range(a.size):
        first, first_square = _powers(a[i], b[i])
        second, second_square = _powers(c[i], d[i])
        of_x[i] += np.float64(first + second)
        of_square[i] += np.float64(first_square + second_square)


@compiled
def _add_row(sums: Any, x: Any) -> None:
    of_x, of_square = sums[0], sums[1]
    for i in range(x.size):
        value = np.float64(widen(x[i]))
        of_x[i] += value
        of_square[i] += value * value


@compiled
def statistics_loop(start: int, stop: int, piece: int, width: int, x: Any, totals: Any) -> None:
    """Fill the sums of `x` and of its squares, of each piece: `totals` `[pieces, 2, C]`.

    Args:
        start: a multiple of `piece`.
        stop: one more than the last number.
        piece: numbers that are summed up together, a multiple of `width`.
        width: a multiple of C.
        x: all numbers.
        totals: what is filled.
    """
    sums = np.empty((2, width), np.float64)
    for begin in range(start, stop, piece):
        sums[:] = 0.0
        end = min(begin + piece, stop)
        full = end - (end - begin) % (4 * width)
        for low in range(begin, full, 4 * width):
            rows = x[low : low + 4 * width].reshape(4, width)
            _add_four_rows(sums, rows[0], rows[1], rows[2], rows[3])
        for low in range(full, end, width):
            _add_row(sums, x[low : min(low + width, end)])
        fold(totals[begin // piece], sums)


@compiled
def _finish_block(grad: Any, x: Any, factors: Any) -> None:
    scale, slope, shift = factors
    for i in range(x.size):
        value = scale[i] * widen(grad[i]) - widen(x[i]) * slope[i] - shift[i]
        grad[i] = narrow(value, grad)


@compiled
def finish_loop(start: int, stop: int, x: Any, grad: Any, factors: Any) -> None:
    """Turn the gradient of the normalised numbers, in place, into that of the numbers `x`.

    It becomes scale · gradient - x · slope - shift, from start to stop.

    Args:
        start: a multiple of the length of a factor.
        stop: one more than the last number.
        x: all numbers.
        grad: their gradients.
        factors: scale, slope and shift, repeated to a block.
    """
    block = factors[0].size
    for low in range(start, stop, block):
        high = min(low + block, stop)
        _finish_block(grad[low:high], x[low:high], factors)
