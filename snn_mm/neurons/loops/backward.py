"""The compiled loops of a LIF layer, over rows of numbers: back through time.

The membrane is charged once more from the input, step by step, before the way back begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.loops.compiled import compiled, inlined
from snn_mm.neurons.loops.half_floats import floats_of, narrow, settle, widen
from snn_mm.neurons.loops.lif import TRIANGLE, charge, load
from snn_mm.neurons.loops.norm import add, fold

BACKWARD_BLOCK = 2048
"""Numbers that stay in the cache through all time steps, on the way back: more work, less often."""


@inlined
def surrogate_gradient(z: Any, surrogate: int, alpha: Any) -> Any:
    """Derivative of a spike with respect to the membrane above the threshold."""
    if surrogate == TRIANGLE:
        return max(np.float32(0), alpha - alpha * alpha * abs(z))
    scaled = np.float32(np.pi / 2) * alpha * z
    return alpha * np.float32(0.5) / (np.float32(1) + scaled * scaled)


@inlined
def _charge_step(x: Any, u: Any, charged: Any, lif: Any) -> None:
    """One step of one block: fill its `charged` and move its membrane `u`, all `[block]`."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    for i in range(u.size):
        value = charge(widen(x[i]), u[i], tau, reset, decay_input)
        charged[i] = value
        u[i] = reset if value >= threshold else value


@inlined
def _charge_normed(x: Any, u: Any, charged: Any, norm: Any, lif: Any) -> None:
    """The same of the input of a batch norm."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    scale, shift = norm[0], norm[1]
    for i in range(u.size):
        current = widen(x[i]) * scale[i] + shift[i]
        value = charge(current, u[i], tau, reset, decay_input)
        charged[i] = value
        u[i] = reset if value >= threshold else value


@inlined
def _gradient(charged: Any, grad_spike: Any, carry: Any, lif: Any) -> Any:
    """Gradient of a charged membrane; `carry` is that of the membrane after the step."""
    _, threshold, reset, _, detach_reset, surrogate, alpha = lif
    slope = surrogate_gradient(charged - threshold, surrogate, alpha)
    kept = np.float32(0) if charged >= threshold else np.float32(1)
    if not detach_reset:
        kept += (reset - charged) * slope
    return grad_spike * slope + carry * kept


@inlined
def _backward_step(
    charged: Any, grad_spike: Any, carry: Any, grad: Any, add: bool, lif: Any
) -> None:
    """One step back in time of one block; `carry` is the gradient of the membrane after it."""
    tau, decay_input = lif[0], lif[3]
    for i in range(carry.size):
        of_charged = _gradient(charged[i], widen(grad_spike[i]), carry[i], lif)
        carry[i] = of_charged - of_charged / tau
        of_input = of_charged / tau if decay_input else of_charged
        grad[i] = grad[i] + of_input if add else of_input


@inlined
def _backward_normed(
    charged: Any, grad_spike: Any, carry: Any, grad: Any, x: Any, mean: Any, sums: Any, lif: Any
) -> None:
    """The same behind a batch norm, with the sums of the gradients and of their products."""
    tau, decay_input = lif[0], lif[3]
    of_grad, of_product = sums[0], sums[1]
    for i in range(carry.size):
        of_charged = _gradient(charged[i], widen(grad_spike[i]), carry[i], lif)
        carry[i] = of_charged - of_charged / tau
        of_input = of_charged / tau if decay_input else of_charged
        grad[i] = narrow(of_input, grad)
        of_grad[i] += of_input
        of_product[i] += of_input * (widen(x[i]) - mean[i])


@inlined
def backward_block(
    low: int,
    high: int,
    given: Any,
    at: int,
    rows: Any,
    state: Any,
    scratch: Any,
    norm: Any,
    sums: Any,
    lif: Any,
) -> None:
    """All steps back in time of the numbers from low to high.

    Args:
        low: the first number.
        high: one more than the last.
        given: gradient of the spikes `[T, ...]`, that of number low at `at`.
        at: see there.
        rows: input, step between its rows, and gradient of the input.
        state: see `backward_loop`.
        scratch: see `backward_scratch`.
        norm: see `backward_loop`.
        sums: what is added to, `[2, block]`.
        lif: the settings.
    """
    x, step, grad_x = rows
    first, grad_last, grad_first = state
    charged, membrane, of_steps = scratch[0], scratch[2], scratch[3]
    of_steps[:] = np.float32(0)
    steps = len(charged)
    load(membrane[: high - low], first, low, lif[2])
    for t in range(steps):
        current = x[t * step + low : t * step + high]
        if norm[0].size:
            _charge_normed(current, membrane[: high - low], charged[t], norm, lif)
        else:
            _charge_step(current, membrane[: high - low], charged[t], lif)
    carry = grad_first[low:high]
    load(carry, grad_last, low, np.float32(0))
    for t in range(steps - 1, -1, -1):
        of_spikes = given[t][at : at + high - low]
        out = grad_x[t * step + low : t * step + high]
        if norm[0].size:
            current = x[t * step + low : t * step + high]
            _backward_normed(charged[t], of_spikes, carry, out, current, norm[2], of_steps, lif)
            continue
        grad = floats_of(out, scratch[1])
        _backward_step(charged[t], of_spikes, carry, grad, step == 0 and t < steps - 1, lif)
        if step or t == 0:
            settle(out, grad)
    add(sums[0], of_steps[0])
    add(sums[1], of_steps[1])


@compiled
def backward_scratch(steps: int, block: int, normed: int) -> Any:
    """What `backward_block` computes in: charged membranes, a row, membrane, and sums."""
    charged, of_steps = np.empty((steps, block), np.float32), np.empty((2, normed), np.float32)
    return charged, np.empty(block, np.float32), np.empty(block, np.float32), of_steps


@compiled
def backward_loop(
    start: int, stop: int, piece: int, rows: Any, state: Any, norm: Any, totals: Any, lif: Any
) -> None:
    """Fill the gradients of the input and of the first membrane, from start to stop.

    Args:
        start: a multiple of `piece`.
        stop: one more than the last number.
        piece: numbers that are summed up together, a multiple of the block.
        rows: input, step between its rows, gradient of the spikes `[T * M]`, and gradient of the
            input, which has one row if the input has: the sum over time.
        state: the membrane before the first step, the gradient of the last (none if empty), and the
            gradient of the first, each `[M]`.
        norm: scale, shift and mean of the batch norm, repeated to a block; empty if there is none.
        totals: sums of the gradient of the normalised input, and of its products, of each piece
            `[pieces, 2, C]`.
        lif: the settings.
    """
    x, step, grad_spikes, grad_x = rows
    block = norm[0].size if norm[0].size else BACKWARD_BLOCK
    size = state[2].size
    given = grad_spikes.reshape(grad_spikes.size // size, size)
    scratch = backward_scratch(len(given), block, norm[0].size)
    sums = np.empty((2, norm[0].size), np.float64)
    for begin in range(start, stop, piece):
        sums[:] = 0.0
        end = min(begin + piece, stop)
        for low in range(begin, end, block):
            high = min(low + block, end)
            ends = (x, step, grad_x)
            backward_block(low, high, given, low, ends, state, scratch, norm, sums, lif)
        if norm[0].size:
            fold(totals[begin // piece], sums)
