"""The loops of LIF layers on a GPU, in Triton: through time, and back.

A program runs through all time steps of its neurons, whose membranes stay in registers. The
operations and their order are spikingjelly's, in float32, so spikes agree bit for bit: whoever
launches them turns `enable_fp_fusion` off. Triton compiles annotations too, so there are none.

Rows of an input `[T, M]` begin at `t * step`, of which 0 repeats one row, those of all else at
`t * size`; a program has `BLOCK` of the M numbers.
"""

# ruff: noqa: ANN001, ANN201, ANN202
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _charge(x, u, tau, reset, DECAY_INPUT: tl.constexpr):
    """The membrane after the leak and the input."""
    if DECAY_INPUT:
        return u + tl.div_rn(x - (u - reset), tau)
    else:  # noqa: RET505  # a branch that is not taken must not be compiled
        return u - tl.div_rn(u - reset, tau) + x


@triton.jit
def _slope(z, alpha, ARCTAN: tl.constexpr):
    """Derivative of a spike with respect to the membrane above the threshold."""
    if ARCTAN:
        scaled = 1.5707963267948966 * alpha * z
        return tl.div_rn(alpha * 0.5, 1.0 + scaled * scaled)
    else:  # noqa: RET505
        return tl.maximum(alpha - alpha * alpha * tl.abs(z), 0.0)


@triton.jit
def lif_forward(
    x,
    first,
    spikes,
    last,
    size,
    step,
    tau,
    threshold,
    reset,
    T: tl.constexpr,
    DECAY_INPUT: tl.constexpr,
    AT_REST: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill `spikes` `[T, M]` and the membrane `last` `[M]`; the first is `first` or at rest."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    u = tl.full([BLOCK], 0.0, tl.float32) + reset
    if not AT_REST:
        u = tl.load(first + n, mask=inside, other=0.0)
    for t in tl.static_range(T):
        row, out = tl.cast(step, tl.int64) * t, tl.cast(size, tl.int64) * t
        current = tl.load(x + row + n, mask=inside, other=0.0).to(tl.float32)
        charged = _charge(current, u, tau, reset, DECAY_INPUT)
        fired = charged >= threshold
        tl.store(spikes + out + n, fired.to(tl.float32), mask=inside)
        u = tl.where(fired, reset, charged)
    tl.store(last + n, u, mask=inside)


@triton.jit
def lif_backward(
    x,
    first,
    grad_spikes,
    grad_last,
    grad_x,
    grad_first,
    size,
    step,
    tau,
    threshold,
    reset,
    alpha,
    T: tl.constexpr,
    DECAY_INPUT: tl.constexpr,
    DETACH_RESET: tl.constexpr,
    ARCTAN: tl.constexpr,
    AT_REST: tl.constexpr,
    LAST: tl.constexpr,
    REPEATED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill the gradients of `x` and of the first membrane; `grad_x` is one row if `REPEATED`.

    The membranes are charged once more, and wait in registers.
    """
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    u = tl.full([BLOCK], 0.0, tl.float32) + reset
    if not AT_REST:
        u = tl.load(first + n, mask=inside, other=0.0)
    membranes = ()  # one longer with every step
    for t in tl.static_range(T):
        row = tl.cast(step, tl.int64) * t
        current = tl.load(x + row + n, mask=inside, other=0.0).to(tl.float32)
        charged = _charge(current, u, tau, reset, DECAY_INPUT)
        membranes = membranes + (charged,)  # noqa: RUF005  # Triton unpacks no tuples
        u = tl.where(charged >= threshold, reset, charged)
    carry = tl.full([BLOCK], 0.0, tl.float32)
    total = tl.full([BLOCK], 0.0, tl.float32)
    if LAST:
        carry = tl.load(grad_last + n, mask=inside, other=0.0)
    for back in tl.static_range(T):
        charged = membranes[T - 1 - back]
        out = tl.cast(size, tl.int64) * (T - 1 - back)
        given = tl.load(grad_spikes + out + n, mask=inside, other=0.0).to(tl.float32)
        slope = _slope(charged - threshold, alpha, ARCTAN)
        kept = tl.where(charged >= threshold, 0.0, 1.0)
        if not DETACH_RESET:
            kept += (reset - charged) * slope
        of_charged = given * slope + carry * kept
        leaked = tl.div_rn(of_charged, tau)
        carry = of_charged - leaked
        of_input = leaked if DECAY_INPUT else of_charged
        if REPEATED:
            total += of_input
        else:
            tl.store(grad_x + out + n, of_input, mask=inside)
    if REPEATED:
        tl.store(grad_x + n, total, mask=inside)
    tl.store(grad_first + n, carry, mask=inside)


@triton.jit
def connected_forward(
    current,
    membrane,
    fired,
    weight,
    outside,
    charged,
    spikes,
    last,
    steps,
    size,
    width,
    tau,
    threshold,
    DECAY_INPUT: tl.constexpr,
    PADDED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """All steps of the D neurons of one sample, which drive each other; at rest at 0.

    Inputs are `[T, N, D]` row by row, `outside` is `[T, N]`, and `weight` `[D, D]` leads to rows
    from columns. It stays in registers, so D is at most some hundreds.
    """
    sample, n = tl.program_id(0), tl.arange(0, BLOCK)
    inside = n < width
    both = inside[:, None] & inside[None, :]
    connection = tl.load(weight + n[:, None] * width + n[None, :], mask=both, other=0.0)
    u = tl.load(membrane + sample * width + n, mask=inside, other=0.0)
    s = tl.load(fired + sample * width + n, mask=inside, other=0.0)
    for t in range(steps):
        at = (tl.cast(t, tl.int64) * size + sample) * width + n
        arrived = tl.sum(connection * s[None, :], axis=1)
        x = tl.load(current + at, mask=inside, other=0.0) + arrived
        if PADDED:
            x = tl.where(tl.load(outside + t * size + sample) != 0, 0.0, x)
        h = _charge(x, u, tau, 0.0, DECAY_INPUT)
        fires = h >= threshold
        s = tl.where(fires, 1.0, 0.0)
        u = tl.where(fires, 0.0, h)
        tl.store(charged + at, h, mask=inside)
        tl.store(spikes + at, s, mask=inside)
    tl.store(last + sample * width + n, u, mask=inside)


@triton.jit
def connected_backward(
    slopes,
    kept,
    weight,
    outside,
    grad_spikes,
    carry,
    later,
    grad_current,
    steps,
    size,
    width,
    tau,
    DECAY_INPUT: tl.constexpr,
    PADDED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Fill the gradients of the current `[T, N, D]`, and of membrane and spikes before `[N, D]`.

    These two are `carry` and `later`; `carry` comes as the gradient of the last membrane. One step
    back multiplies by `slopes` and `kept` `[T, N, D]`.
    """
    sample, n = tl.program_id(0), tl.arange(0, BLOCK)
    inside = n < width
    both = inside[:, None] & inside[None, :]
    # Transposed: a neuron's row is where its spikes arrive.
    connection = tl.load(weight + n[None, :] * width + n[:, None], mask=both, other=0.0)
    of_membrane = tl.load(carry + sample * width + n, mask=inside, other=0.0)
    of_spikes = tl.full([BLOCK], 0.0, tl.float32)
    for back in range(steps):
        t = steps - 1 - back
        at = (tl.cast(t, tl.int64) * size + sample) * width + n
        given = tl.load(grad_spikes + at, mask=inside, other=0.0) + of_spikes
        slope = tl.load(slopes + at, mask=inside, other=0.0)
        grad = given * slope + of_membrane * tl.load(kept + at, mask=inside, other=0.0)
        leaked = tl.div_rn(grad, tau)
        of_membrane = grad - leaked
        arrived = leaked if DECAY_INPUT else grad
        if PADDED:
            arrived = tl.where(tl.load(outside + t * size + sample) != 0, 0.0, arrived)
        tl.store(grad_current + at, arrived, mask=inside)
        of_spikes = tl.sum(connection * arrived[None, :], axis=1)
    tl.store(carry + sample * width + n, of_membrane, mask=inside)
    tl.store(later + sample * width + n, of_spikes, mask=inside)
