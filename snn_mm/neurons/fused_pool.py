"""A LIF layer and the max-pool behind it in one pass over memory, compiled for the CPU.

Neither the spikes nor a gradient of their size are ever written: the input is kept, and one byte
for each maximum that tells which neuron of its window it is, as torch would choose. Maxima and
gradients are those of the two layers one after the other. Maps are channels-last.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snn_mm.neurons.fused_lif import (
    NO_NORM,
    LIFSettings,
    empty_rows,
    empty_state,
    fits,
    loop_settings,
    memory,
    row_of,
    state,
)
from snn_mm.neurons.loops.pool import pooled_backward_loop, pooled_forward_loop
from snn_mm.neurons.loops.threads import in_chunks

_NARROWEST = 16  # channels below which gathering line by line takes longer than torch
_LONGEST = 15  # windows of more than 255 pixels do not fit into a byte


class Window(NamedTuple):
    """What a max-pool takes the maximum of: a square, and how far it moves.

    Attributes:
        length: of a side.
        stride: from one window to the next.
        padding: pixels at each border that never win.
    """

    length: int
    stride: int
    padding: int


def window_of(pool: nn.Module) -> Window | None:
    """The window of torch's or spikingjelly's max-pool; None of any other or where it is odd."""
    if type(pool) not in (nn.MaxPool2d, layer.MaxPool2d) or pool.return_indices or pool.ceil_mode:
        return None
    if getattr(pool, "step_mode", "m") != "m":
        return None
    pairs = ((x, x) if isinstance(x, int) else tuple(x) for x in _sizes(pool))
    sizes = [pair[0] for pair in pairs if pair[0] == pair[-1]]
    if len(sizes) != 4 or sizes[3] != 1 or sizes[0] > _LONGEST or 2 * sizes[2] > sizes[0]:
        return None
    return Window(*sizes[:3])


def _sizes(pool: nn.Module) -> tuple[Any, ...]:
    return pool.kernel_size, pool.stride, pool.padding, pool.dilation


def fits_pool(pool: nn.Module, x: Tensor) -> bool:
    """Whether the compiled loops take this max-pool behind neurons of a current `[T, N, C, H, W]`.

    A current that does not change in time must be one of `repeated`.
    """
    window, row = window_of(pool), row_of(x)
    if window is None or x.dim() != 5 or not fits(x):
        return False
    lines = (x if row is None else row).movedim(-3, -1)  # [..., H, W, C]
    large = min(x.shape[-2:]) + 2 * window.padding >= window.length
    return large and x.shape[2] >= _NARROWEST and lines.is_contiguous()


def pooled_lif(
    x: Tensor, u: Tensor | None, pool: nn.Module, lif: LIFSettings
) -> tuple[Tensor, Tensor]:
    """Run a LIF layer with hard reset over all time steps and a max-pool on its spikes.

    Args:
        x: input current `[T, N, C, H, W]` for which `fits_pool` holds.
        u: membrane before the first step `[N, C, H, W]`; None stands for the reset potential.
        pool: the max-pool.
        lif: time constant, threshold, reset and surrogate.

    Returns:
        Maxima `[T, N, C, H', W']` of 0 and 1, and the membrane after the last step `[N, C, H, W]`.
    """
    row = row_of(x)
    given = (x, None) if row is None else (row, len(x))
    return cast("tuple[Tensor, Tensor]", _PooledLIF.apply(*given, u, window_of(pool), lif))


class _PooledLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, repeats: int | None, u: Tensor | None, window: Window, lif: LIFSettings
    ) -> tuple[Tensor, Tensor]:
        row = x[0] if repeats is None else x
        size, steps = row.numel(), len(x) if repeats is None else repeats
        batch, channels, *sides = row.shape
        height, width = ((side + 2 * window[2] - window[0]) // window[1] + 1 for side in sides)
        lines = torch.empty((steps, batch, height, width, channels), dtype=x.dtype)
        winners, last = torch.empty_like(lines, dtype=torch.uint8), empty_state(row)
        ctx.step, ctx.lif, ctx.shape = size if repeats is None else 0, lif, (*sides, channels)
        ctx.window = window
        ctx.save_for_backward(x, u, winners)
        ctx.set_materialize_grads(False)
        arguments = (memory(x, x.numel()), ctx.step, state(u, row), _flat(lines), _flat(winners))
        settings = (memory(last, size), (*sides, channels, *window), loop_settings(lif))
        in_chunks(pooled_forward_loop, size, steps, *arguments, *settings, piece=size // batch)
        return lines.movedim(-1, 2), last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_pooled: Tensor | None, grad_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, u, winners = ctx.saved_tensors
        if grad_pooled is None and grad_last is None:
            return (None,) * 5
        row = x[0] if ctx.step else x
        size, grad_u = row.numel(), empty_state(row)
        grad_x = empty_rows(x) if ctx.step else torch.empty_like(x)
        if grad_pooled is None:
            grad_pooled = torch.zeros(winners.shape, dtype=x.dtype).movedim(-1, 2)
        lines = grad_pooled.movedim(2, -1).contiguous()  # [T, N, H', W', C]
        rows = (memory(x, x.numel()), ctx.step, _flat(lines), _flat(winners))
        states = (state(u, row), state(grad_last, row), memory(grad_u, size))
        settings = (NO_NORM, (*ctx.shape, *ctx.window), loop_settings(ctx.lif))
        arguments = ((*rows, memory(grad_x, x.numel())), states, *settings)
        in_chunks(pooled_backward_loop, size, len(winners), *arguments, piece=size // len(row))
        return grad_x, None, grad_u if u is not None else None, None, None


def _flat(lines: Tensor) -> np.ndarray[Any, Any]:
    """Rows of pixels `[T, N, H', W', C]` as `[T, N, H', W' * C]`."""
    shape = (*lines.shape[:3], -1)
    return (lines.numpy() if lines.dtype == torch.uint8 else memory(lines, lines.numel())).reshape(
        shape
    )
