"""A leaky integrate-and-fire layer over all time steps at once, compiled for the CPU.

spikingjelly steps its neurons on the CPU one tensor operation at a time and keeps the charged
membrane of every step for the backward pass. Here one compiled loop runs through time while the
membrane stays in the cache; only the input is kept and the backward pass recomputes the rest.
Spikes equal spikingjelly's bit for bit: the operations and their order are the same, in float32.
Inputs, spikes and gradients may be bfloat16 or float16, the membrane is float32 always.

The loop sees an input `[T, ...]` as T rows of M numbers in the order in which they lie in memory,
so contiguous and channels-last tensors are both read without a copy. An input that repeats one row
(`x.expand(T, ...)`) is read in place too.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn_mm.neurons.loops.backward import backward_loop
from snn_mm.neurons.loops.half_floats import as_array, is_plain
from snn_mm.neurons.loops.lif import forward_loop
from snn_mm.neurons.loops.threads import in_chunks

Array = np.ndarray[Any, Any]

_ALIGNED = 64  # bytes
_NONE = np.empty(0, np.float32)
_ROW = "_snn_mm_row"
NO_NORM = (_NONE, _NONE, _NONE)
_NO_TOTALS = np.empty((0, 2, 0))


class LIFSettings(NamedTuple):
    """What a LIF layer is made of: `u <- u + (x - (u - reset)) / tau`, or `x` undivided.

    Attributes:
        tau: membrane time constant, above 1.
        threshold: a neuron fires where its charged membrane is at or above it, compared in float32.
        reset: membrane potential after a spike, and at rest.
        decay_input: whether the input is divided by `tau` too.
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        surrogate: `TRIANGLE`, max(0, α - α²|z|), or `ARCTAN`, (α/2) / (1 + (π/2 α z)²).
        alpha: sharpness α of the surrogate.
    """

    tau: float
    threshold: float
    reset: float
    decay_input: bool
    detach_reset: bool
    surrogate: int
    alpha: float


def is_dense(x: Tensor) -> bool:
    """Whether the numbers of `x` fill one stretch of memory, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(x.stride(), x.shape)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def in_rows(x: Tensor) -> tuple[Tensor, int]:
    """`x` `[T, ...]` as the loop can read it, copied only if needed, and the step between rows."""
    size = x[0].numel()
    if is_dense(x[0]):
        if len(x) == 1 or x.stride(0) == size:
            return x, size
        if x.stride(0) == 0:
            return x, 0
    return x.contiguous(), size


def memory(x: Tensor, numbers: int) -> Array:
    """That many numbers of `x` `[...]` as they lie in memory."""
    return as_array(x.detach().as_strided((numbers,), (1,)))


def state(u: Tensor | None, row: Tensor) -> Array:
    """A state `[...]` in the memory order of `row` `[...]`; none is an empty array."""
    if u is None:
        return _NONE
    ordered = u if u.stride() == row.stride() else empty_state(row).copy_(u)
    return memory(ordered, row.numel())


def empty_state(row: Tensor) -> Tensor:
    """An empty membrane for a row of the input `[...]`, in its memory order."""
    return torch.empty_like(row, dtype=torch.float32)


def empty(shape: torch.Size, stride: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An empty dense tensor, in a block of memory that the next of its size gets again.

    torch asks for aligned blocks. glibc before 2.38 looks for more than such a block takes, hence
    never in the hole that one of equal size has left: spikes that come and go would leave a hole
    each between what a step keeps. numpy does not ask, and we align what it gives.
    """
    size = shape.numel() * dtype.itemsize
    room = torch.from_numpy(np.empty(size + _ALIGNED, np.uint8))
    start = -room.data_ptr() % _ALIGNED
    return room[start : start + size].view(dtype).as_strided(shape, stride)


def empty_rows(x: Tensor) -> Tensor:
    """An empty tensor of the shape of `x` `[T, ...]`, its rows in the memory order of `x[0]`."""
    stride = (x[0].numel(), *x[0].stride())
    if x.device.type != "cpu":
        return x.new_empty_strided(x.shape, stride)
    return empty(x.shape, stride, x.dtype)


def in_rows_of(x: Tensor, gradient: Tensor | None) -> Tensor:
    """A gradient of the shape of `x` `[T, ...]` in its memory order; none is zeros."""
    rows = empty_rows(x)
    if gradient is None:
        return rows.zero_()
    return gradient if gradient.stride() == rows.stride() else rows.copy_(gradient)


def repeated(row: Tensor, steps: int) -> Tensor:
    """An input that does not change in time: `row` `[...]` as `[T, ...]`, not copied.

    A LIF layer gives the row its gradient at once, where autograd would add up T rows.
    """
    if steps == 1:  # an ANN's, whose gradient autograd would copy to add up one row
        return row.unsqueeze(0)
    rows = row.expand(steps, *row.shape)
    setattr(rows, _ROW, row)
    return rows


def row_of(x: Tensor) -> Tensor | None:
    """The row that `repeated` made `x` `[T, ...]` of, if the loops can read it."""
    row: Tensor | None = getattr(x, _ROW, None)
    return row if row is not None and is_dense(row) else None


def row_or_all(x: Tensor) -> tuple[Tensor, int | None]:
    """The row `[...]` that is repeated and how often, or all of `x` `[T, ...]` and None."""
    row = row_of(x)
    return (x, None) if row is None else (row, len(x))


class _FusedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, repeats: int | None, u: Tensor | None, lif: LIFSettings
    ) -> tuple[Tensor, Tensor]:
        x, step = in_rows(x if repeats is None else x.expand(repeats, *x.shape))
        size = x[0].numel()
        ctx.save_for_backward(x, u)
        ctx.lif, ctx.step, ctx.is_row = lif, step, repeats is not None
        ctx.set_materialize_grads(False)
        spikes, last = empty_rows(x), empty_state(x[0])
        arguments = (memory(x, step * (len(x) - 1) + size), step, state(u, last))
        outputs = (memory(spikes, spikes.numel()), memory(last, size))
        in_chunks(forward_loop, size, len(x), *arguments, *outputs, NO_NORM, loop_settings(lif))
        return spikes, last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor | None, grad_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, u = ctx.saved_tensors
        if grad_spikes is None and grad_last is None:
            return None, None, None, None
        grad_x, grad_u = _backward(x, u, grad_spikes, grad_last, ctx.step, ctx.lif)
        grad_x = of_rows(grad_x, x, ctx)
        return grad_x, None, grad_u if u is not None else None, None


def of_rows(grad: Tensor, x: Tensor, ctx: Any) -> Tensor:
    """The gradient of an input as autograd wants it: of the row `[...]`, or of `x` `[T, ...]`."""
    if ctx.is_row:
        return grad.view(x.shape[1:])
    # One row was repeated: autograd adds up T rows of what we return, so return T-ths.
    return (grad / len(x)).expand(x.shape) if ctx.step == 0 else grad


def _backward(
    x: Tensor,
    u: Tensor | None,
    grad_spikes: Tensor | None,
    grad_last: Tensor | None,
    step: int,
    lif: LIFSettings,
) -> tuple[Tensor, Tensor]:
    """Gradients of `x` `[T, ...]`, or of its one row `[...]` if `step` is 0, and of `u` `[...]`."""
    size, row = x[0].numel(), x[0]
    grad_x = torch.empty_like(row) if step == 0 else empty_rows(x)
    grad_u, given = empty_state(row), in_rows_of(x, grad_spikes)
    numbers = memory(x, step * (len(x) - 1) + size)
    rows = (numbers, step, memory(given, given.numel()), memory(grad_x, grad_x.numel()))
    states = (state(u, row), state(grad_last, row), memory(grad_u, size))
    settings = (NO_NORM, _NO_TOTALS, loop_settings(lif))
    in_chunks(backward_loop, size, len(x), size, rows, states, *settings)
    return grad_x, grad_u


def loop_settings(lif: LIFSettings) -> tuple[Any, ...]:
    """The settings as the loops take them, in float32."""
    numbers = (np.float32(value) for value in lif[:3])
    return (*numbers, lif.decay_input, lif.detach_reset, lif.surrogate, np.float32(lif.alpha))


def fits(x: Tensor) -> bool:
    """Whether the compiled loop takes `x` `[T, ...]`: plain floats on the CPU, not traced."""
    return x.device.type == "cpu" and is_plain(x)


def fused_lif(x: Tensor, u: Tensor | None, lif: LIFSettings) -> tuple[Tensor, Tensor]:
    """Run a LIF layer with hard reset over all time steps.

    Args:
        x: input current `[T, ...]` for which `fits` holds.
        u: membrane before the first step `[...]`; None stands for the reset potential.
        lif: time constant, threshold, reset and surrogate.

    Returns:
        Spikes `[T, ...]` of 0 and 1, and the membrane after the last step `[...]`.
    """
    return cast("tuple[Tensor, Tensor]", _FusedLIF.apply(*row_or_all(x), u, lif))
