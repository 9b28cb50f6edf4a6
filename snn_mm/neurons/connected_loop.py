"""The time loop of a connected LIF layer, with its backward pass written out.

Autograd would record a dozen small operations a step; here a step is a matrix product and a few
operations in place, and all that can be done for all steps at once is. The operations of the
forward pass and their order are spikingjelly's, so that spikes are equal. Single precision on the
CPU has compiled loops (`loops.connected`), where only the backward pass needs matrix products, and
on a GPU kernels that run through all steps of a sample (`gpu_kernels`).
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from spikingjelly.activation_based.surrogate import SurrogateFunctionBase
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn_mm.neurons import gpu_lif
from snn_mm.neurons.fused_lif import LIFSettings, fits, loop_settings
from snn_mm.neurons.loops.connected import backward_step, forward_rows
from snn_mm.neurons.loops.threads import in_chunks


class ConnectedSettings(NamedTuple):
    """What a connected LIF layer is made of beside its weights; it rests at 0.

    Attributes:
        tau: membrane time constant, above 1.
        threshold: a neuron fires where its charged membrane is at or above it.
        decay_input: whether the current is divided by `tau` too.
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        surrogate: any surrogate of spikingjelly.
        loop: what the compiled loops need to know; None where they do not fit.
        on_gpu: whether our kernels run on a GPU.
    """

    tau: float
    threshold: float
    decay_input: bool
    detach_reset: bool
    surrogate: SurrogateFunctionBase
    loop: LIFSettings | None = None
    on_gpu: bool = False


def connected_lif(
    current: Tensor,
    membrane: Tensor,
    fired: Tensor,
    weight: Tensor,
    padding: Tensor | None,
    settings: ConnectedSettings,
) -> tuple[Tensor, Tensor]:
    """Run a LIF layer whose neurons drive each other one step later.

    Args:
        current: I, `[T, N, D]`.
        membrane: V before the first step, `[N, D]`.
        fired: spikes of the step before the first, `[N, D]`.
        weight: strength · ω, `[D, D]`, from neuron j (column) to neuron i (row); no gradient.
        padding: where no current arrives, `[T, N, 1]` in bool.
        settings: all else.

    Returns:
        Spikes `[T, N, D]` and the membrane after the last step `[N, D]`.
    """
    compiled = settings.loop is not None and current.dtype == torch.float32 and fits(current)
    kind: type[torch.autograd.Function] = _CompiledConnectedLIF if compiled else _ConnectedLIF
    if settings.on_gpu and gpu_lif.fits_connected(current):
        kind = _GPUConnectedLIF
    result = kind.apply(current, membrane, fired, weight, padding, settings)
    return cast("tuple[Tensor, Tensor]", result)


class _ConnectedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        membrane: Tensor,
        fired: Tensor,
        weight: Tensor,
        padding: Tensor | None,
        settings: ConnectedSettings,
    ) -> tuple[Tensor, Tensor]:
        charged, spikes = torch.empty_like(current), torch.empty_like(current)
        onto = weight.t()  # [D, D], from row to column
        for t in range(len(current)):
            u = torch.addmm(current[t], fired, onto, out=charged[t])
            if padding is not None:
                u.masked_fill_(padding[t], 0.0)
            if settings.decay_input:
                u.sub_(membrane).div_(settings.tau).add_(membrane)
            else:
                u.add_(membrane - membrane / settings.tau)
            fired = torch.ge(u, settings.threshold, out=spikes[t])
            membrane = u.masked_fill(fired.bool(), 0.0)
        ctx.save_for_backward(charged, spikes, weight, padding)
        ctx.settings = settings
        return spikes, membrane

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor, grad_last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        charged, spikes, weight, padding = ctx.saved_tensors
        tau, decay_input = ctx.settings.tau, ctx.settings.decay_input
        slope, kept = _slopes(charged, spikes, ctx.settings)
        grad_current = torch.empty_like(slope)
        carry, later = grad_last, torch.zeros_like(grad_last)  # of V[t], and of s[t] through t + 1
        for t in range(len(slope) - 1, -1, -1):
            grad = (grad_spikes[t] + later).mul_(slope[t]).addcmul_(carry, kept[t])
            leaked = grad / tau
            carry = grad - leaked
            arrived = grad_current[t].copy_(leaked if decay_input else grad)
            if padding is not None:
                arrived.masked_fill_(padding[t], 0.0)
            later = arrived @ weight
        return grad_current, carry, later, None, None, None


def _slopes(charged: Tensor, spikes: Tensor, settings: ConnectedSettings) -> tuple[Tensor, Tensor]:
    """Of all steps `[T, N, D]`: ds/dU by the surrogate, and dV/dU through the reset."""
    with torch.enable_grad():
        above = (charged - settings.threshold).requires_grad_()
        (slope,) = torch.autograd.grad(settings.surrogate(above).sum(), above)
    kept = 1.0 - spikes
    if not settings.detach_reset:
        kept.addcmul_(charged, slope, value=-1.0)
    return slope, kept


class _CompiledConnectedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        membrane: Tensor,
        fired: Tensor,
        weight: Tensor,
        padding: Tensor | None,
        settings: ConnectedSettings,
    ) -> tuple[Tensor, Tensor]:
        charged, spikes = (torch.empty_like(current, memory_format=_ROWS) for _ in range(2))
        last = torch.empty_like(charged[0])
        states = (_outside(padding), _array(membrane), _array(fired), _array(weight.t()))
        outputs = (_array(charged), _array(spikes), _array(last))
        size, work = len(last), current[:, 0].numel()
        lif = loop_settings(cast("LIFSettings", settings.loop))
        in_chunks(forward_rows, size, work, _array(current), states, outputs, lif, piece=1)
        ctx.save_for_backward(charged, weight, padding)
        ctx.lif = lif
        return spikes, last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor, grad_last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        charged, weight, padding = ctx.saved_tensors
        carry, later = grad_last.clone(memory_format=_ROWS), torch.zeros_like(charged[0])
        grad_current = torch.empty_like(charged)
        given = (_array(charged), _array(grad_spikes), _outside(padding))
        rest = ((_array(later), _array(carry)), _array(grad_current), ctx.lif)
        for t in range(len(charged) - 1, -1, -1):
            backward_step(t, *given, *rest)
            if t or ctx.needs_input_grad[2]:
                torch.mm(grad_current[t], weight, out=later)
        return grad_current, carry, later, None, None, None


class _GPUConnectedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        membrane: Tensor,
        fired: Tensor,
        weight: Tensor,
        padding: Tensor | None,
        settings: ConnectedSettings,
    ) -> tuple[Tensor, Tensor]:
        given = [each.contiguous() for each in (current, membrane, fired, weight)]
        charged, spikes = torch.empty_like(given[0]), torch.empty_like(given[0])
        last = torch.empty_like(given[1])
        outside = _flags(padding)
        gpu_lif.launch_connected(
            gpu_lif.kernels().connected_forward,
            (*given, outside, charged, spikes, last),
            (settings.tau, settings.threshold),
            (settings.decay_input, outside is not None),
        )
        ctx.save_for_backward(charged, spikes, given[3], outside)
        ctx.settings = settings
        return spikes, last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_spikes: Tensor, grad_last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        charged, spikes, weight, outside = ctx.saved_tensors
        slope, kept = _slopes(charged, spikes, ctx.settings)
        carry, later = grad_last.clone(memory_format=_ROWS), torch.empty_like(charged[0])
        grad_current = torch.empty_like(charged)
        gpu_lif.launch_connected(
            gpu_lif.kernels().connected_backward,
            (slope, kept, weight, outside, grad_spikes.contiguous(), carry, later, grad_current),
            (ctx.settings.tau,),
            (ctx.settings.decay_input, outside is not None),
        )
        return grad_current, carry, later, None, None, None


_ROWS = torch.contiguous_format


def _flags(padding: Tensor | None) -> Tensor | None:
    """Padding `[T, N]` of `[T, N, 1]`, in bytes."""
    return None if padding is None else padding.squeeze(-1).contiguous().view(torch.uint8)


def _array(x: Tensor) -> np.ndarray[Any, Any]:
    """The numbers of `x`, row by row."""
    return cast("np.ndarray[Any, Any]", x.detach().contiguous().numpy())


def _outside(padding: Tensor | None) -> np.ndarray[Any, Any]:
    """Padding `[T, N]` of `[T, N, 1]`; empty if there is none."""
    return np.empty((0, 0), np.bool_) if padding is None else _array(padding.squeeze(-1))
