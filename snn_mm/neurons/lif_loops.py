"""The compiled loops of a LIF layer, over rows of float32 numbers; `fused_lif` calls them.

An input of T rows is one flat array: number i of row t is `x[t * step + i]`, and a step of 0
repeats one row. A loop takes its numbers from start to stop in blocks that stay in the L1 cache
through all time steps. The operations and their order are spikingjelly's, so spikes agree bit for
bit; nothing here may be compiled with fast-math.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

TRIANGLE, ARCTAN = 0, 1
"""Surrogates the loops know: spikingjelly's `PiecewiseQuadratic` and `ATan`."""

_BLOCK = 2048

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compile(function: _Function) -> _Function:
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("_Function", numba.njit(function, cache=True, **options))
    except RuntimeError:  # no writable place for the cache: compile in every process
        return cast("_Function", numba.njit(function, **options))


@_compile
def _charge(x: Any, u: Any, tau: Any, reset: Any, decay_input: bool) -> Any:
    if decay_input:
        return u + (x - (u - reset)) / tau
    return u - (u - reset) / tau + x


@_compile
def _surrogate_gradient(z: Any, surrogate: int, alpha: Any) -> Any:
    if surrogate == TRIANGLE:
        return max(np.float32(0), alpha - alpha * alpha * abs(z))
    scaled = np.float32(np.pi / 2) * alpha * z
    return alpha * np.float32(0.5) / (np.float32(1) + scaled * scaled)


@_compile
def _forward_step(x: Any, spikes: Any, u: Any, lif: Any) -> None:
    """One step of one block: fill its `spikes` and move its membrane `u`, all `[block]`."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    for i in range(u.size):
        charged = _charge(x[i], u[i], tau, reset, decay_input)
        fired = charged >= threshold
        spikes[i] = np.float32(1) if fired else np.float32(0)
        u[i] = reset if fired else charged


@_compile
def _load(block: Any, source: Any, low: int, otherwise: Any) -> None:
    """Fill a block from `source` `[M]`, or with a constant if `source` is empty."""
    if source.size:
        block[:] = source[low : low + block.size]
    else:
        block[:] = otherwise


@_compile
def forward_loop(
    start: int, stop: int, x: Any, step: int, first: Any, spikes: Any, last: Any, lif: Any
) -> None:
    """Fill `spikes` `[T * M]` and the membrane `last` `[M]` that is left, from start to stop.

    The membrane before the first step is `first` `[M]`, or at rest if that is empty.
    """
    size = last.size
    for low in range(start, stop, _BLOCK):
        high = min(low + _BLOCK, stop)
        _load(last[low:high], first, low, lif[2])
        for t in range(spikes.size // size):
            # Slices, because only loops from 0 to a size are compiled to vector instructions.
            _forward_step(
                x[t * step + low : t * step + high],
                spikes[t * size + low : t * size + high],
                last[low:high],
                lif,
            )


@_compile
def _charge_step(x: Any, u: Any, charged: Any, lif: Any) -> None:
    """One step of one block: fill its `charged` and move its membrane `u`, all `[block]`."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    for i in range(x.size):
        value = _charge(x[i], u[i], tau, reset, decay_input)
        charged[i] = value
        u[i] = reset if value >= threshold else value


@_compile
def _backward_step(
    charged: Any, grad_spike: Any, carry: Any, grad_x: Any, add: bool, lif: Any
) -> None:
    """One step back in time of one block; `carry` is the gradient of the membrane after it."""
    tau, threshold, reset, decay_input, detach_reset, surrogate, alpha = lif
    for i in range(charged.size):
        slope = _surrogate_gradient(charged[i] - threshold, surrogate, alpha)
        kept = np.float32(0) if charged[i] >= threshold else np.float32(1)
        if not detach_reset:
            kept += (reset - charged[i]) * slope
        grad = grad_spike[i] * slope + carry[i] * kept
        carry[i] = grad - grad / tau
        grad_input = grad / tau if decay_input else grad
        grad_x[i] = grad_x[i] + grad_input if add else grad_input


@_compile
def backward_loop(
    start: int,
    stop: int,
    x: Any,
    step: int,
    first: Any,
    grad_spikes: Any,
    grad_last: Any,
    grad_x: Any,
    grad_first: Any,
    lif: Any,
) -> None:
    """Fill `grad_x` and `grad_first` `[M]`; an empty `grad_last` `[M]` stands for zeros.

    `grad_x` has one row if `x` has, the sum over time.
    """
    size = grad_first.size
    steps = grad_spikes.size // size
    charged = np.empty((steps, _BLOCK), np.float32)
    membrane = np.empty(_BLOCK, np.float32)
    for low in range(start, stop, _BLOCK):
        high = min(low + _BLOCK, stop)
        _load(membrane[: high - low], first, low, lif[2])
        for t in range(steps):
            _charge_step(x[t * step + low : t * step + high], membrane, charged[t], lif)
        _load(grad_first[low:high], grad_last, low, np.float32(0))
        for t in range(steps - 1, -1, -1):
            _backward_step(
                charged[t, : high - low],
                grad_spikes[t * size + low : t * size + high],
                grad_first[low:high],
                grad_x[t * step + low : t * step + high],
                step == 0 and t < steps - 1,
                lif,
            )
