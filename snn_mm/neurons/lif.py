"""The LIF layer behind the papers' presets: spikingjelly's `LIFNode` with a fast path on the CPU.

Some papers' neurons fire strictly above the threshold, spikingjelly's fire at it. For numbers of
one precision "above" means "at or above the next number", so that is what is compared.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal, cast

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.neurons import fused_lif, fused_norm, fused_pool, gpu_lif
from snn_mm.neurons.loops import lif as loops
from snn_mm.neurons.spiking import is_heard

Implementation = Literal["auto", "reference", "triton"]
"""`auto` takes the compiled loop where it fits, `reference` always spikingjelly's operations.

`triton` is `auto` with our kernels on a GPU too, which have not been measured on one yet.
"""

_FUSED_SURROGATES = {
    surrogate.PiecewiseQuadratic: loops.TRIANGLE,
    surrogate.ATan: loops.ARCTAN,
}


class LIF(neuron.LIFNode):  # type: ignore[misc]
    """A LIF layer with hard reset to 0, over `[T, N, ...]`, fast on the CPU.

    The membrane is float32 for a half-precision input: in bfloat16 a leak loses what a small input
    adds, and the fused kernels, ours on the CPU and spikingjelly's for CUDA, want float32 state.

    Args:
        tau: membrane time constant, above 1; a step leaks 1/tau of the potential.
        decay_input: u <- u + (x - u)/tau if true, else u <- u - u/tau + x.
        v_threshold: firing threshold, above 0.
        fires_at_threshold: whether u = threshold fires.
        surrogate_function: derivative of the step in the backward pass; None is that of the paper,
            ATan(2) where there is none.
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        detach_membrane: whether no gradient flows from a time step to the one before it; then
            spikingjelly's operations run, one step after the other.
        implementation: `auto`; `reference` for spikingjelly's operations, which counters see; or
            `triton` for kernels of ours on a GPU.

    Attributes:
        valid: which positions `[T, N]` of the next input are no padding; None where all are. Only
            monitors read it: whoever sets it gives padding no current, at the end of a sequence.
    """

    def __init__(
        self,
        tau: float = 2.0,
        decay_input: bool = True,
        v_threshold: float = 1.0,
        fires_at_threshold: bool = True,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = True,
        implementation: Implementation = "auto",
        detach_membrane: bool = False,
    ) -> None:
        _check_above("tau", tau, 1.0)
        _check_above("v_threshold", v_threshold, 0.0)
        super().__init__(
            tau=float(tau),
            decay_input=decay_input,
            v_threshold=float(v_threshold),
            v_reset=0.0,
            surrogate_function=surrogate_function or surrogate.ATan(2.0),
            detach_reset=detach_reset,
            step_mode="m",
        )
        self.fires_at_threshold = fires_at_threshold
        self.valid: Tensor | None = None
        self.implementation = implementation
        self.detach_membrane = detach_membrane

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """The membrane as a tensor of the input's shape, in float32 for half-precision inputs."""
        x = inputs[0]
        if x.dtype in (torch.float16, torch.bfloat16):
            # Only shape, device, dtype and strides are read: a membrane that lies in memory as
            # the input does is what kernels on a GPU read at full rate.
            like = torch.empty_like(x[0] if step_mode == "m" else x, dtype=torch.float32)
            inputs = (like.unsqueeze(0) if step_mode == "m" else like,)
        states = super().materialize_states(inputs, states, step_mode)
        return tuple(states)

    def takes_norm(self) -> bool:
        """Whether this layer can run a batch norm in the same pass, as far as it is concerned."""
        heard = self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks
        return self._is_plain() and not heard and "forward" not in vars(self)

    def takes_pool(self) -> bool:
        """Whether it can run a max-pool in the same pass: its spikes are then seen by nobody."""
        return self._is_plain() and not is_heard(self)

    def multi_step_forward(
        self,
        x_seq: Tensor,
        norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None,
        pool: nn.Module | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Spikes `[T, N, ...]` of a current `[T, N, ...]`; leaves the last membrane in `v`.

        Args:
            x_seq: the current, or what the norm makes the current of.
            norm: a batch norm to run in the same pass, for which `takes_norm` holds.
            pool: a max-pool to run in the same pass, for which `takes_pool` holds; no norm then.
            kwargs: unused.
        """
        settings = self._settings() if fused_lif.fits(x_seq) else None
        if norm is not None and settings is not None:
            carried = self._carried(x_seq)
            spikes, self.v = fused_norm.normed_lif(x_seq, carried, norm, settings)
            return spikes
        if pool is not None and settings is not None:
            carried = self._carried(x_seq)
            pooled, self.v = fused_pool.pooled_lif(x_seq, carried, pool, settings)
            return pooled
        if settings is not None:
            spikes, self.v = fused_lif.fused_lif(x_seq, self._carried(x_seq), settings)
            return spikes
        if self._takes_gpu() and gpu_lif.fits(x_seq):
            settings = cast("fused_lif.LIFSettings", self._settings())
            spikes, self.v = gpu_lif.gpu_lif(x_seq, self._carried(x_seq), settings)
            return spikes
        states = self.materialize_states((x_seq,), tuple(self._memories.values()), "m")
        spikes, self.v, self.v_seq = self._step_all(x_seq, states[0], self.store_v_seq)
        return spikes

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **kwargs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """One step as a function of the state: `((spikes,), (membrane,))`, all `[N, ...]`."""
        spikes, v, _ = self._step_all(inputs[0].unsqueeze(0), states[0])
        return (spikes[0],), (v,)

    def multi_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **kwargs: Any
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """All steps as a function of the state: spikes `[T, N, ...]`, membrane `[N, ...]`."""
        spikes, v, _ = self._step_all(inputs[0], states[0])
        return (spikes,), (v,)

    def extra_repr(self) -> str:
        """What tells one LIF from another when a model is printed."""
        sign = "≥" if self.fires_at_threshold else ">"
        return f"tau={self.tau}, fires {sign} {self.v_threshold}, {self.implementation}"

    def _step_all(
        self, x: Tensor, v: Tensor, store_v_seq: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        if not self.detach_membrane:
            return self._steps(x, v, store_v_seq)
        spikes, membranes = [], []
        for current in torch.split(x, 1):
            fired, v, _ = self._steps(current, v.detach())
            spikes.append(fired)
            membranes.append(v)
        return torch.cat(spikes), v, torch.stack(membranes) if store_v_seq else None

    def _steps(
        self, x: Tensor, v: Tensor, store_v_seq: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        result: tuple[Tensor, Tensor, Tensor | None] = functional.lif_multi_step(
            x,
            v,
            self.tau,
            self.decay_input,
            self._compared_threshold(v.dtype),
            self.v_reset,
            self.surrogate_function,
            self.detach_reset,
            store_v_seq,
        )
        return result

    def _compared_threshold(self, dtype: torch.dtype) -> float:
        """The number of this precision at which a membrane fires."""
        return _compared(self.v_threshold, self.fires_at_threshold, dtype)

    def _is_plain(self) -> bool:
        """Whether the compiled loops do all that this layer does."""
        own = type(self).multi_step_forward is LIF.multi_step_forward and self.step_mode == "m"
        return own and self._settings() is not None

    def _takes_gpu(self) -> bool:
        """Whether our kernels for a GPU are asked for, and do all that this layer does."""
        return self.implementation == "triton" and self._settings() is not None

    def _settings(self) -> fused_lif.LIFSettings | None:
        """What the compiled loop needs to know; None where this layer asks more of it."""
        kind = _FUSED_SURROGATES.get(type(self.surrogate_function))
        special = self.store_v_seq or self.detach_membrane or not self.surrogate_function.spiking
        if kind is None or special or self.implementation == "reference":
            return None
        return fused_lif.LIFSettings(
            tau=self.tau,
            threshold=self._compared_threshold(torch.float32),
            reset=self.v_reset,
            decay_input=self.decay_input,
            detach_reset=self.detach_reset,
            surrogate=kind,
            alpha=float(self.surrogate_function.alpha),
        )

    def _carried(self, x: Tensor) -> Tensor | None:
        """The membrane an earlier call left, if it has the shape of a step of `x` `[T, N, ...]`."""
        v = self.v
        if not isinstance(v, Tensor) or v.shape != x.shape[1:]:
            return None
        return v.to(device=x.device, dtype=torch.float32)


@cache
def _compared(value: float, at_threshold: bool, dtype: torch.dtype) -> float:
    threshold = torch.tensor(value, dtype=dtype)
    if not at_threshold:
        threshold = threshold.nextafter(torch.tensor(math.inf, dtype=dtype))
    return float(threshold)


def _check_above(name: str, value: float, bound: float) -> None:
    if not (math.isfinite(value) and value > bound):
        raise UserError(f"LIF neuron: {name} must be a number above {bound:g}, not {value!r}")
