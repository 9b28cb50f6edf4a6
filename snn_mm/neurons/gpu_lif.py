"""LIF layers over all time steps at once on a GPU: what `fused_lif` is on a CPU.

Only the input is kept and the backward pass charges the membranes once more, where spikingjelly's
kernel keeps them all in float32. Its operator is registered with torch, and to call it takes longer
than its kernel does for most layers. It runs whatever these don't: many steps, float64, surrogates
of one's own, anything compiled.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, util
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn_mm.neurons.fused_lif import (
    LIFSettings,
    empty_rows,
    empty_state,
    in_rows,
    in_rows_of,
    of_rows,
    row_or_all,
)
from snn_mm.neurons.loops.half_floats import is_plain
from snn_mm.neurons.loops.lif import ARCTAN

BLOCK_BYTES = 2048
"""What a program reads of a row: 16 bytes for each of its threads."""
MOST_STEPS, MOST_NEURONS = 32, 256
"""Charged membranes, or the weights between neurons, are to stay in registers."""


@cache
def kernels() -> Any:
    """The module of the kernels, which takes Triton; None without it."""
    return import_module("snn_mm.neurons.gpu_kernels") if util.find_spec("triton") else None


def fits(x: Tensor) -> bool:
    """Whether the kernels take `x` `[T, ...]`: plain floats of few steps on a GPU, not traced."""
    return x.device.type == "cuda" and is_plain(x) and len(x) <= MOST_STEPS and _has_kernels()


def fits_connected(current: Tensor) -> bool:
    """Whether they take the current `[T, N, D]` of neurons that drive each other."""
    on_gpu = current.device.type == "cuda" and current.dtype == torch.float32
    return on_gpu and is_plain(current) and current.size(-1) <= MOST_NEURONS and _has_kernels()


def _has_kernels() -> bool:
    return kernels() is not None and torch.version.hip is None


def gpu_lif(x: Tensor, u: Tensor | None, lif: LIFSettings) -> tuple[Tensor, Tensor]:
    """Run a LIF layer with hard reset over all time steps.

    Args:
        x: input current `[T, ...]` for which `fits` holds.
        u: membrane before the first step `[...]`; None stands for the reset potential.
        lif: time constant, threshold, reset and surrogate.

    Returns:
        Spikes `[T, ...]` of 0 and 1, and the membrane after the last step `[...]`.
    """
    return cast("tuple[Tensor, Tensor]", _GPULIF.apply(*row_or_all(x), u, lif))


class _GPULIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, repeats: int | None, u: Tensor | None, lif: LIFSettings
    ) -> tuple[Tensor, Tensor]:
        x, step = in_rows(x if repeats is None else x.expand(repeats, *x.shape))
        spikes, last = empty_rows(x), empty_state(x[0])
        u = _laid_out(u, last)
        ctx.save_for_backward(x, u)
        ctx.lif, ctx.step, ctx.is_row = lif, step, repeats is not None
        ctx.set_materialize_grads(False)
        _launch(
            kernels().lif_forward,
            last,
            (x, u, spikes, last, last.numel(), step, lif.tau, lif.threshold, lif.reset),
            (len(x), lif.decay_input, u is None),
        )
        return spikes, last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor | None, grad_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, u = ctx.saved_tensors
        if grad_spikes is None and grad_last is None:
            return None, None, None, None
        lif, repeated = ctx.lif, ctx.step == 0
        grad_x = torch.empty_like(x[0]) if repeated else empty_rows(x)
        grad_u = empty_state(x[0])
        grad_last = _laid_out(grad_last, grad_u)
        tensors = (x, u, in_rows_of(x, grad_spikes), grad_last, grad_x, grad_u)
        numbers = (grad_u.numel(), ctx.step, lif.tau, lif.threshold, lif.reset, lif.alpha)
        how = (lif.decay_input, lif.detach_reset, lif.surrogate == ARCTAN)
        given = (u is None, grad_last is not None, repeated)
        _launch(kernels().lif_backward, grad_u, (*tensors, *numbers), (len(x), *how, *given))
        grad_x = of_rows(grad_x, x, ctx)
        return grad_x, None, grad_u if u is not None else None, None


def _laid_out(state: Tensor | None, like: Tensor) -> Tensor | None:
    """A membrane or its gradient `[...]` in float32, in the memory order of another."""
    if state is None or (state.stride() == like.stride() and state.dtype == like.dtype):
        return state
    return torch.empty_like(like).copy_(state)


def _launch(kernel: Any, like: Tensor, numbers: tuple[Any, ...], fixed: tuple[Any, ...]) -> None:
    """Start a kernel for every number of a state `[...]`, on its device."""
    block = BLOCK_BYTES // numbers[0].element_size()
    programs = -(-like.numel() // block)
    with torch.cuda.device_of(like):  # type: ignore[no-untyped-call]
        kernel[(programs,)](*numbers, *fixed, block, enable_fp_fusion=False)


def launch_connected(
    kernel: Any,
    tensors: tuple[Tensor | None, ...],
    numbers: tuple[float, ...],
    fixed: tuple[bool, ...],
) -> None:
    """Start a kernel for every sample of neurons that drive each other.

    Args:
        kernel: of `kernels`.
        tensors: the first is `[T, N, D]`.
        numbers: all that follows T, N and D.
        fixed: what it is compiled for.
    """
    first = cast("Tensor", tensors[0])
    width = first.size(-1)
    block = max(16, 1 << (width - 1).bit_length())  # a power of two
    warps = max(1, block // 16)  # weights are at most 128 numbers a thread
    with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]
        kernel[(first.size(1),)](
            *tensors, *first.shape, *numbers, *fixed, block, num_warps=warps, enable_fp_fusion=False
        )
