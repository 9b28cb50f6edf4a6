"""Batch norm and the LIF layer behind it in one go, compiled for the CPU.

One sweep over the input takes the statistics of the batch; a second one normalises, charges, fires
and resets. The normalised numbers are never written: only the input is kept for the backward pass,
which makes them anew. It goes through memory twice too: back through time with the sums over each
channel, then over the gradient in place.

It takes inputs `[T, N, C, ...]` whose channels lie side by side: features `[T, N, D]`, and maps in
channels-last. Sums are taken in float64 in a fixed order, so that results do not depend on the
number of threads. torch adds in another order: the two agree to the last digits of float32, and a
membrane that comes as close to the threshold as that may fire in one and not in the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snn_mm.neurons.fused_lif import (
    Array,
    LIFSettings,
    empty_rows,
    empty_state,
    fits,
    in_rows_of,
    loop_settings,
    memory,
    state,
)
from snn_mm.neurons.loops.backward import BACKWARD_BLOCK, backward_loop
from snn_mm.neurons.loops.lif import BLOCK, forward_loop
from snn_mm.neurons.loops.norm import finish_loop, statistics_loop
from snn_mm.neurons.loops.threads import in_chunks
from snn_mm.neurons.spiking import is_heard

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, layer.BatchNorm1d, layer.BatchNorm2d)
_WIDEST = 1 << 14  # channels whose block still stays in the cache
_SMALLEST = 1 << 20  # up to so many numbers torch's own two operations take no more time


class Statistics(NamedTuple):
    """What a batch norm subtracts and multiplies by.

    Attributes:
        mean: of each channel `[C]`.
        inverse: 1 over the standard deviation `[C]`.
        of_batch: whether both were taken from the input itself.
    """

    mean: Array
    inverse: Array
    of_batch: bool


def fits_norm(norm: nn.Module, x: Tensor) -> bool:
    """Whether the compiled loops take this batch norm in front of neurons, of `x` `[T, N, C, ...]`.

    The norm must be torch's or spikingjelly's own, in float32, and nothing may listen to it. Inputs
    of a few MiB are left to torch, which is as fast there; memory is what larger ones save.
    """
    if type(norm) not in NORMS or not fits(x) or x.dim() < 3 or is_heard(norm):
        return False
    plain = all(_is_plain(each) for each in (*norm.parameters(), *norm.buffers()))
    rows, channels = x.movedim(2, -1), x.shape[2]  # [T, N, ..., C]
    worthwhile = x.numel() > max(_SMALLEST, channels) and channels <= _WIDEST
    return plain and worthwhile and channels == norm.num_features and rows.is_contiguous()


def _is_plain(x: Tensor) -> bool:
    kind = x.dtype == torch.float32 or x.dim() == 0  # the count of batches is a whole number
    return kind and x.device.type == "cpu" and x.is_contiguous()


def normed_lif(
    x: Tensor, u: Tensor | None, norm: nn.BatchNorm1d | nn.BatchNorm2d, lif: LIFSettings
) -> tuple[Tensor, Tensor]:
    """Run a batch norm over time and batch, and a LIF layer with hard reset on its output.

    Args:
        x: input of the norm `[T, N, C, ...]` for which `fits_norm` holds.
        u: membrane before the first step `[N, C, ...]`; None stands for the reset potential.
        norm: its running statistics are moved as torch moves them.
        lif: time constant, threshold, reset and surrogate.

    Returns:
        Spikes `[T, N, C, ...]` of 0 and 1, and the membrane after the last step `[N, C, ...]`.
    """
    with torch.no_grad():
        statistics = _statistics(x, norm)
    result = _NormedLIF.apply(x, norm.weight, norm.bias, u, statistics, lif)
    return cast("tuple[Tensor, Tensor]", result)


def _statistics(x: Tensor, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Statistics:
    if not norm.training and norm.running_mean is not None and norm.running_var is not None:
        variance = norm.running_var.numpy() + np.float32(norm.eps)
        return Statistics(norm.running_mean.numpy(), np.float32(1) / np.sqrt(variance), False)
    mean, variance = _moments(x)
    if norm.training and norm.track_running_stats:
        _move_running(norm, mean, variance, x.numel() // len(mean))
    inverse = (1 / np.sqrt(variance + norm.eps)).astype(np.float32)
    return Statistics(mean.astype(np.float32), inverse, True)


def _moments(x: Tensor) -> tuple[Array, Array]:
    """Mean and variance of each channel, `[C]` in float64."""
    channels, size = x.shape[2], x.numel()
    width = channels * max(1, 1024 // channels)
    piece = width * max(1, 65536 // width)
    totals = np.empty((-(-size // piece), 2, channels))
    in_chunks(statistics_loop, size, 1, piece, width, memory(x, size), totals, piece=piece)
    mean, square = totals.sum(0) * channels / size
    return mean, np.maximum(square - mean * mean, 0)


def _move_running(
    norm: nn.BatchNorm1d | nn.BatchNorm2d, mean: Array, variance: Array, count: int
) -> None:
    momentum = norm.momentum
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        momentum = 1 / float(norm.num_batches_tracked) if momentum is None else momentum
    unbiased = variance * (count / (count - 1))
    for running, value in ((norm.running_mean, mean), (norm.running_var, unbiased)):
        if running is not None:
            moved = torch.from_numpy(value.astype(np.float32))
            running.mul_(1 - (momentum or 0.0)).add_(moved, alpha=momentum or 0.0)


def _repeated(values: Array, block: int = BACKWARD_BLOCK) -> Array:
    """Numbers of each channel `[C]` as often as a block has the channel."""
    return np.tile(values.astype(np.float32, copy=False), max(1, block // len(values)))


def _affine(statistics: Statistics, weight: Tensor | None, bias: Tensor | None) -> list[Array]:
    """Scale and shift of each channel `[C]`, in torch's own order of operations."""
    scale = statistics.inverse
    if weight is not None:
        scale = scale * weight.detach().numpy()
    shift = -statistics.mean * scale
    if bias is not None:
        shift = bias.detach().numpy() + shift
    return [scale, shift]


class _NormedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        u: Tensor | None,
        statistics: Statistics,
        lif: LIFSettings,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, weight, bias, u)
        ctx.statistics, ctx.lif = statistics, lif
        ctx.set_materialize_grads(False)
        spikes, last = empty_rows(x), empty_state(x[0])
        size, total = last.numel(), x.numel()
        scale, shift = (_repeated(each, BLOCK) for each in _affine(statistics, weight, bias))
        arguments = (memory(x, total), size, state(u, last), memory(spikes, total))
        settings = (memory(last, size), (scale, shift, scale), loop_settings(lif))
        in_chunks(forward_loop, size, len(x), *arguments, *settings, piece=len(scale))
        return spikes, last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor | None, grad_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, weight, bias, u = ctx.saved_tensors
        if grad_spikes is None and grad_last is None:
            return (None,) * 6
        scale, shift = _affine(ctx.statistics, weight, bias)
        norm = tuple(_repeated(each) for each in (scale, shift, ctx.statistics.mean))
        given = in_rows_of(x, grad_spikes)
        grad_x, grad_u, sums = _back_through_time(x, u, given, grad_last, norm, ctx.lif)
        of_shift, of_scale = sums[0], sums[1] * ctx.statistics.inverse
        if ctx.needs_input_grad[0]:
            _finish(x, grad_x, sums, scale, ctx.statistics)
        of_weight = None if weight is None else torch.from_numpy(of_scale.astype(np.float32))
        of_bias = None if bias is None else torch.from_numpy(of_shift.astype(np.float32))
        return grad_x, of_weight, of_bias, grad_u if u is not None else None, None, None


def _back_through_time(
    x: Tensor,
    u: Tensor | None,
    grad_spikes: Tensor,
    grad_last: Tensor | None,
    norm: tuple[Array, ...],
    lif: LIFSettings,
) -> tuple[Tensor, Tensor, Array]:
    """Gradients of the normalised input `[T, ...]` and of `u`, and their sums `[2, C]`."""
    channels, block, size, total = x.shape[2], len(norm[0]), x[0].numel(), x.numel()
    piece = 8 * block
    grad_x, grad_u = empty_rows(x), empty_state(x[0])
    totals = np.empty((-(-size // piece), 2, channels))
    rows = (memory(x, total), size, memory(grad_spikes, total), memory(grad_x, total))
    states = (state(u, grad_u), state(grad_last, grad_u), memory(grad_u, size))
    settings = (piece, rows, states, norm, totals, loop_settings(lif))
    in_chunks(backward_loop, size, len(x), *settings, piece=piece)
    return grad_x, grad_u, totals.sum(0)


def _finish(x: Tensor, grad: Tensor, sums: Array, scale: Array, statistics: Statistics) -> None:
    """Turn the gradient of the normalised input `[T, ...]` into that of the input, in place."""
    size, shift, slope = x.numel(), np.zeros_like(scale), np.zeros_like(scale)
    if statistics.of_batch:
        share = len(scale) / size
        slope = scale * np.square(statistics.inverse) * sums[1] * share
        shift = scale * sums[0] * share - slope * statistics.mean
    factors = tuple(_repeated(each) for each in (scale, slope, shift))
    arguments = (memory(x, size), memory(grad, size), factors)
    in_chunks(finish_loop, size, 1, *arguments, piece=len(factors[0]))
