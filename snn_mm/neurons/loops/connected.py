"""The compiled loops of a connected LIF layer, over the rows of a batch, for `connected_loop`.

Few neurons fire at a step, so what a sample's neurons send each other is a sum over those that did,
a tenth of a matrix product where one in fifteen fires. Every other operation and its order are
those of `loops.lif`. The sum has another order than a matrix product of a library, so currents
agree to the last digits, and spikes but where a membrane is within them of the threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.loops.backward import surrogate_gradient
from snn_mm.neurons.loops.compiled import compiled
from snn_mm.neurons.loops.lif import charge


@compiled
def _firing(spikes: Any, which: Any) -> int:
    """Fill `which` with the numbers of the neurons of `spikes` `[D]` that fire; how many do."""
    count = 0
    for j in range(spikes.size):
        which[count] = j
        count += spikes[j] != 0
    return count


@compiled
def _arrive(x: Any, onto: Any, which: Any) -> None:
    """Add to the current `x` `[D]` the rows of `onto` `[D, D]` that those who fired send."""
    for k in range(which.size):
        row = onto[which[k]]
        for i in range(x.size):
            x[i] += row[i]


@compiled
def _step(x: Any, u: Any, spikes: Any, lif: Any) -> None:
    """One step of one row: `x` `[D]` becomes the charged membrane, `u` what is left of it."""
    tau, threshold, reset, decay_input = lif[0], lif[1], lif[2], lif[3]
    for i in range(x.size):
        charged = charge(x[i], u[i], tau, reset, decay_input)
        fired = charged >= threshold
        x[i] = charged
        spikes[i] = np.float32(1) if fired else np.float32(0)
        u[i] = reset if fired else charged


@compiled
def forward_rows(start: int, stop: int, current: Any, states: Any, outputs: Any, lif: Any) -> None:
    """Fill the outputs of rows start to stop.

    `states` are padding `[T, N]`, or empty, first membrane and first spikes `[N, D]`, and what each
    neuron sends `[D, D]`; `outputs` are charged membranes and spikes `[T, N, D]`, and the last
    membrane `[N, D]`.
    """
    padding, first, fired, onto = states
    charged, spikes, last = outputs
    which = np.empty(first.shape[1] + 1, np.int64)
    for n in range(start, stop):
        count = _firing(fired[n], which)
        last[n, :] = first[n]
        for t in range(current.shape[0]):
            x = charged[t, n]
            if padding.size and padding[t, n]:
                x[:] = np.float32(0)
            else:
                x[:] = current[t, n]
                _arrive(x, onto, which[:count])
            _step(x, last[n], spikes[t, n], lif)
            count = _firing(spikes[t, n], which)


@compiled
def _backward_row(
    charged: Any, grad_spikes: Any, later: Any, carry: Any, grad_x: Any, lif: Any
) -> None:
    tau, threshold, reset, decay_input, detach_reset, surrogate, alpha = lif
    for i in range(charged.size):
        slope = surrogate_gradient(charged[i] - threshold, surrogate, alpha)
        kept = np.float32(0) if charged[i] >= threshold else np.float32(1)
        if not detach_reset:
            kept += (reset - charged[i]) * slope
        grad = (grad_spikes[i] + later[i]) * slope + carry[i] * kept
        leaked = grad / tau
        carry[i] = grad - leaked
        grad_x[i] = leaked if decay_input else grad


@compiled
def backward_step(
    t: int, charged: Any, grad_spikes: Any, padding: Any, states: Any, grad_x: Any, lif: Any
) -> None:
    """Step t back in time: fill `grad_x[t]` `[N, D]`, move `carry`, the gradient of the membrane.

    `states` are `later`, the gradient of spikes through the step after them, and `carry`, `[N, D]`.
    """
    later, carry = states
    for n in range(carry.shape[0]):
        _backward_row(charged[t, n], grad_spikes[t, n], later[n], carry[n], grad_x[t, n], lif)
        if padding.size and padding[t, n]:
            grad_x[t, n, :] = np.float32(0)
