"""The compiled loops of a LIF layer, over rows of numbers: forward.

An input of T rows is one flat array: number i of row t is `x[t * step + i]`, and a step of 0
repeats one row. A loop takes its numbers from start to stop in blocks that stay in the L1 cache
through all time steps. The operations and their order are spikingjelly's, in float32, so spikes
agree bit for bit; nothing here may be compiled with fast-math. Inputs, spikes and gradients may be
16-bit floats (`half_floats`).

With a batch norm before the neurons the loops read its input, whose numbers lie channel by channel,
and a block is a whole number of times all channels: what a channel is multiplied by comes repeated
to the length of a block, one number for each of the block's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.loops.compiled import compiled, inlined
from snn_mm.neurons.loops.half_floats import narrow, widen

TRIANGLE, ARCTAN = 0, 1
"""Surrogates the loops know: spikingjelly's `PiecewiseQuadratic` and `ATan`."""

BLOCK = 256
"""Numbers that stay in the cache through all time steps, on the way forward."""


@inlined
def charge(x: Any, u: Any, tau: Any, reset: Any, decay_input: bool) -> Any:
    """The membrane after the leak and the input."""
    if decay_input:
        return u + (x - (u - reset)) / tau
    return u - (u - reset) / tau + x


@inlined
def fire(x: Any, spikes: Any, u: Any, lif: Any) -> None:
    """One step of one block: fill its `spikes` and move its membrane `u`, all `[block]`."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    one, zero = narrow(np.float32(1), spikes), narrow(np.float32(0), spikes)
    for i in range(u.size):
        charged = charge(widen(x[i]), u[i], tau, reset, decay_input)
        fired = charged >= threshold
        spikes[i] = one if fired else zero
        u[i] = reset if fired else charged


@inlined
def _fire_normed(x: Any, spikes: Any, u: Any, norm: Any, lif: Any) -> None:
    """The same of the input of a batch norm."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    scale, shift = norm[0], norm[1]
    one, zero = narrow(np.float32(1), spikes), narrow(np.float32(0), spikes)
    for i in range(u.size):
        current = widen(x[i]) * scale[i] + shift[i]
        charged = charge(current, u[i], tau, reset, decay_input)
        fired = charged >= threshold
        spikes[i] = one if fired else zero
        u[i] = reset if fired else charged


@inlined
def load(block: Any, source: Any, low: int, otherwise: Any) -> None:
    """Fill a block from `source` `[M]`, or with a constant if `source` is empty."""
    if source.size:
        block[:] = source[low : low + block.size]
    else:
        block[:] = otherwise


@compiled
def forward_loop(
    start: int,
    stop: int,
    x: Any,
    step: int,
    first: Any,
    spikes: Any,
    last: Any,
    norm: Any,
    lif: Any,
) -> None:
    """Fill `spikes` `[T * M]` and the membrane `last` `[M]` that is left, from start to stop.

    The membrane before the first step is `first` `[M]`, or at rest if that is empty.
    """
    size = last.size
    block = norm[0].size if norm[0].size else BLOCK
    for low in range(start, stop, block):
        high = min(low + block, stop)
        load(last[low:high], first, low, lif[2])
        for t in range(spikes.size // size):
            # Slices, because only loops from 0 to a size are compiled to vector instructions.
            current = x[t * step + low : t * step + high]
            fired = spikes[t * size + low : t * size + high]
            if norm[0].size:
                _fire_normed(current, fired, last[low:high], norm, lif)
            else:
                fire(current, fired, last[low:high], lif)
