"""The leaky integrate-and-fire neurons of the papers, as presets over spikingjelly's `LIFNode`.

Every preset is a factory of fresh layers that YAML can name: `neuron: IEMFLIF`, or with `class_path`
and `init_args` to change a constant. They run over all time steps at once, `[T, N, ...]`.

A neuron of IEMF and TAAF fires strictly above its threshold, spikingjelly's at it. For numbers of
one precision "above the threshold" is "at or above the next number", so that is what is compared.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based.base import MemoryModule
from torch import Tensor, nn

from snn_mm import fused_lif, lif_loops
from snn_mm.errors import UserError

__all__ = ["LIF", "IEMFLIF", "SGMTLIF", "TAAFLIF", "is_spiking", "reset_neurons"]

Implementation = Literal["auto", "reference"]
"""`auto` takes the compiled loop where it fits, `reference` always spikingjelly's operations."""

_FUSED_SURROGATES = {
    surrogate.PiecewiseQuadratic: lif_loops.TRIANGLE,
    surrogate.ATan: lif_loops.ARCTAN,
}


class LIF(neuron.LIFNode):  # type: ignore[misc]
    """A LIF layer with hard reset to 0, over `[T, N, ...]`, fast on the CPU.

    The membrane is float32 for a half-precision input: in bfloat16 a leak loses what a small input
    adds, and spikingjelly's fused CUDA kernels want float32 state.

    Args:
        tau: membrane time constant, above 1; a step leaks 1/tau of the potential.
        decay_input: whether the input is divided by `tau`: u <- u + (x - u)/tau, else u - u/tau + x.
        v_threshold: firing threshold, above 0.
        fires_at_threshold: whether u = threshold fires.
        surrogate_function: derivative of the step in the backward pass; None is ATan(2).
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        implementation: `auto`, or `reference` for spikingjelly's own operations, which counters see.
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
        self.implementation = implementation

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """The membrane as a tensor of the input's shape, in float32 for half-precision inputs."""
        x = inputs[0]
        if x.dtype in (torch.float16, torch.bfloat16):
            # Only shape, device and dtype are read, so an expanded scalar stands for the input.
            inputs = (x.new_empty((), dtype=torch.float32).expand(x.shape),)
        states = super().materialize_states(inputs, states, step_mode)
        return tuple(states)

    def multi_step_forward(self, x_seq: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Spikes `[T, N, ...]` of an input current `[T, N, ...]`; leaves the last membrane in `v`."""
        kind = _FUSED_SURROGATES.get(type(self.surrogate_function))
        special = self.store_v_seq or not self.surrogate_function.spiking or kind is None
        if self.implementation == "reference" or special or not fused_lif.fits(x_seq):
            return self._reference(x_seq)
        spikes, self.v = fused_lif.fused_lif(x_seq, self._carried(x_seq), self._settings(kind))
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

    def _reference(self, x: Tensor) -> Tensor:
        states = self.materialize_states((x,), tuple(self._memories.values()), "m")
        spikes, self.v, self.v_seq = self._step_all(x, states[0], self.store_v_seq)
        return spikes

    def _step_all(
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
        threshold = torch.tensor(self.v_threshold, dtype=dtype)
        if not self.fires_at_threshold:
            threshold = threshold.nextafter(torch.tensor(math.inf, dtype=dtype))
        return float(threshold)

    def _settings(self, kind: int) -> fused_lif.LIFSettings:
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
        """The membrane an earlier call left, where it fits the input `[T, N, ...]`, as in spikingjelly."""
        v = self.v
        if not isinstance(v, Tensor) or v.shape != x.shape[1:]:
            return None
        return v.to(device=x.device, dtype=x.dtype)


class IEMFLIF(LIF):
    """The neuron of IEMF (Eq. 3 and Table S1): threshold 0.5, detached hard reset.

    Its surrogate is max(0, 2 - 4|u - threshold|), and it fires strictly above the threshold.

    Args:
        tau: membrane time constant τ_m; the leak factor of Eq. 3 is 1 - 1/tau.
        v_threshold: firing threshold u_th.
        form: `released` integrates u <- u + (x - u)/tau as the authors' code does; `paper` is Eq. 3
            to the letter, u <- (1 - 1/tau) u + x. Behind a batch norm the missing factor raises the
            firing rate, so the two are different networks.
        surrogate_function: another surrogate than PiecewiseQuadratic(2).
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 0.5,
        form: Literal["released", "paper"] = "released",
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        implementation: Implementation = "auto",
    ) -> None:
        if form not in ("released", "paper"):
            raise UserError(f"IEMFLIF: form must be 'released' or 'paper', not {form!r}")
        super().__init__(
            tau=tau,
            decay_input=form == "released",
            v_threshold=v_threshold,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(2.0),
            detach_reset=True,
            implementation=implementation,
        )


class TAAFLIF(LIF):
    """The neuron of TAAF (Eqs 1-3): u <- 0.5 u + I, hard reset, not detached.

    The paper names neither threshold nor surrogate. Both are those of the code its equations come
    from (TET): threshold 1, surrogate max(0, 1 - |u - 1|), fires strictly above the threshold.

    Args:
        tau: membrane time constant; the leak of Eq. 1 is 1 - 1/tau.
        v_threshold: firing threshold V_th.
        surrogate_function: another surrogate than PiecewiseQuadratic(1).
        detach_reset: whether the backward pass takes the spike in Eq. 3 for a constant.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = False,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            decay_input=False,
            v_threshold=v_threshold,
            fires_at_threshold=False,
            surrogate_function=surrogate_function or surrogate.PiecewiseQuadratic(1.0),
            detach_reset=detach_reset,
            implementation=implementation,
        )


class SGMTLIF(LIF):
    """The neuron of SGMT (Eq. 1): U = V + (I - V)/tau, fires at the threshold, arctangent surrogate.

    The paper calls V_th and tau hyperparameters and prints neither; its resting potential is 0 here.

    Args:
        tau: membrane time constant τ.
        v_threshold: firing threshold V_th.
        surrogate_function: another surrogate than ATan(2).
        detach_reset: whether the backward pass takes the spike in the reset for a constant.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 0.5,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_reset: bool = True,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            decay_input=True,
            v_threshold=v_threshold,
            fires_at_threshold=True,
            surrogate_function=surrogate_function or surrogate.ATan(2.0),
            detach_reset=detach_reset,
            implementation=implementation,
        )


def reset_neurons(module: nn.Module) -> None:
    """Set the membranes of every spiking layer in `module` back to rest, and nothing else.

    spikingjelly's `reset_net` calls every `reset` method it meets, and so empties torchmetrics too.
    """
    for part in module.modules():
        if isinstance(part, MemoryModule):
            part.reset()


def is_spiking(module: nn.Module) -> bool:
    """Whether any layer in `module` keeps a membrane."""
    return any(isinstance(part, MemoryModule) for part in module.modules())


def _check_above(name: str, value: float, bound: float) -> None:
    if not (math.isfinite(value) and value > bound):
        raise UserError(f"LIF neuron: {name} must be a number above {bound:g}, not {value!r}")
