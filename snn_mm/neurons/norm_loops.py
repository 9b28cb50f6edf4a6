"""The compiled loops of a batch norm whose numbers lie channel by channel, `[rows, C]`.

Sums are taken in float64 over pieces of fixed size, and the pieces added in their order, so they
are the same whatever the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.half_floats import narrow, widen
from snn_mm.neurons.lif_loops import compiled, fold


@compiled
def _add_powers(sums: Any, x: Any) -> None:
    of_x, of_square = sums[0], sums[1]
    for i in range(x.size):
        value = np.float64(widen(x[i]))
        of_x[i] += value
        of_square[i] += value * value


@compiled
def statistics_loop(start: int, stop: int, piece: int, block: int, x: Any, totals: Any) -> None:
    """Fill the sums of `x` and of its squares, of each piece: `totals` `[pieces, 2, C]`.

    Args:
        start: a multiple of `piece`.
        stop: one more than the last number.
        piece: numbers that are summed up together, a multiple of `block`.
        block: a multiple of C.
        x: all numbers.
        totals: what is filled.
    """
    sums = np.empty((2, block), np.float64)
    for begin in range(start, stop, piece):
        sums[:] = 0.0
        end = min(begin + piece, stop)
        for low in range(begin, end, block):
            _add_powers(sums, x[low : min(low + block, end)])
        fold(totals[begin // piece], sums)


@compiled
def _finish_block(grad: Any, x: Any, factors: Any) -> None:
    scale, mean, slope, shift = factors
    for i in range(x.size):
        value = scale[i] * widen(grad[i]) - (widen(x[i]) - mean[i]) * slope[i] - shift[i]
        grad[i] = narrow(value, grad)


@compiled
def finish_loop(start: int, stop: int, x: Any, grad: Any, factors: Any) -> None:
    """Turn the gradient of the normalised numbers, in place, into that of the numbers `x`.

    It becomes scale · gradient - (x - mean) · slope - shift, from start to stop.

    Args:
        start: a multiple of the length of a factor.
        stop: one more than the last number.
        x: all numbers.
        grad: their gradients.
        factors: scale, mean, slope and shift, repeated to a block.
    """
    block = factors[0].size
    for low in range(start, stop, block):
        high = min(low + block, stop)
        _finish_block(grad[low:high], x[low:high], factors)
