"""The leaky integrate-and-fire neurons of the papers, as presets of one layer.

Each is a factory of fresh layers that YAML can name: `neuron: IEMFLIF`, or with `class_path` and
`init_args` to change a constant. They run over all time steps at once, `[T, N, ...]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Literal

import torch
from spikingjelly.activation_based import surrogate
from spikingjelly.activation_based.base import MemoryModule
from spikingjelly.activation_based.neuron import BaseNode
from spikingjelly.activation_based.surrogate import SurrogateFunctionBase
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from snn_mm.errors import check_choice
from snn_mm.lif import LIF, Implementation

__all__ = ["IEMFLIF", "LIF", "SCMRLLIF", "SGMTLIF", "TAAFLIF", "is_spiking", "reset_neurons"]


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
        check_choice("IEMFLIF: form", form, ("released", "paper"))
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
    """The neuron of SGMT (Eq. 1): U = V + (I - V)/tau, fires at the threshold.

    Its surrogate is the derivative of the arctangent. The paper prints neither V_th nor tau; both
    are what its firing rates suggest. The resting potential V_rest is 0.

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


class SCMRLLIF(LIF):
    """The neuron of S-CMRL's code (`MyNode`): u <- u + (x - u)/tau, fires at 1, detached reset.

    The surrogate is that of a sigmoid of slope 4. Slower than the others: it has no compiled loop.

    Args:
        tau: membrane time constant.
        v_threshold: firing threshold.
        surrogate_function: another surrogate than Sigmoid(4).
        detach_membrane: whether no gradient flows from a time step to the one before it.
        implementation: `auto`, or `reference` for spikingjelly's own operations.
    """

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        surrogate_function: surrogate.SurrogateFunctionBase | None = None,
        detach_membrane: bool = True,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__(
            tau=tau,
            v_threshold=v_threshold,
            surrogate_function=surrogate_function or surrogate.Sigmoid(4.0),
            implementation=implementation,
            detach_membrane=detach_membrane,
        )


PROBE = torch.logspace(-2, 3, 64)
"""Sizes of the currents that a layer is tried with; they are given with both signs."""

LEVELS = 16
"""A layer whose output has at most so many different values fires; an activation has more."""


class StartsAtRest(nn.Module):
    """A network that begins every call with its neurons at rest, whatever its `forward` does.

    So no membrane leaks from one batch into the next, nor keeps the graph of a call.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Reset the neurons and run `forward`."""
        reset_neurons(self)
        with detached_after(self):
            return super().__call__(*args, **kwargs)


def reset_neurons(module: nn.Module) -> None:
    """Set the membranes of every spiking layer in `module` back to rest, and nothing else.

    spikingjelly's `reset_net` calls every `reset` method it meets, and so empties torchmetrics too.
    """
    for part in module.modules():
        reset = getattr(type(part), "reset", None)  # a neuron of one's own may have it too
        if callable(reset) and not isinstance(part, Metric | MetricCollection):
            reset(part)


@contextmanager
def detached_after(module: nn.Module) -> Iterator[None]:
    """Take what membranes in `module` hold out of the graph when the block ends."""
    try:
        yield
    finally:
        for part in module.modules():
            if isinstance(part, MemoryModule):
                for name, state in part._memories.items():
                    if isinstance(state, Tensor) and state.requires_grad:
                        part._memories[name] = state.detach()


def is_spiking(module: nn.Module) -> bool:
    """Whether any layer in `module` fires."""
    return next(spiking_layers(module), None) is not None


def spiking_layers(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Name and layer of all neurons in `module`, without what they are made of."""
    if fires(module):
        yield prefix, module
        return
    for name, child in module.named_children():
        yield from spiking_layers(child, f"{prefix}.{name}" if prefix else name)


def fires(layer: nn.Module) -> bool:
    """Whether a layer turns currents into spikes.

    Its output tells, not its base class: some neurons keep no state. spikingjelly's `BaseNode` is
    one without being tried; networks and torch's own layers are none.
    """
    if isinstance(layer, BaseNode):
        return True
    kinds = [kind for kind in type(layer).__mro__ if kind is not nn.Module]
    of_torch = any(kind.__module__.startswith("torch.") for kind in kinds)
    surrogates = [isinstance(part, SurrogateFunctionBase) for part in layer.children()]
    if of_torch or isinstance(layer, SurrogateFunctionBase) or not all(surrogates):
        return False
    spikes = response(layer)
    return any(surrogates) if spikes is None else 1 < len(torch.unique(spikes)) <= LEVELS


@torch.no_grad()
def response(layer: nn.Module) -> Tensor | None:
    """What a layer makes of currents `[T, N, D]` of all sizes, N = 1; None if it takes none.

    A copy of the layer is asked, in evaluation mode. T is the layer's own if any.
    """
    currents = torch.cat([-PROBE.flip(0), PROBE]).expand(getattr(layer, "T", 4), 1, -1)  # [T, 1, D]
    if getattr(layer, "step_mode", "m") == "s":
        currents = currents[0]  # [1, D]
    weight = next(layer.parameters(), currents)
    try:
        copy = deepcopy(layer).eval()
        reset_neurons(copy)
        spikes = copy(currents.to(weight))
    except Exception:  # a layer of one's own may raise anything
        return None
    return spikes if isinstance(spikes, Tensor) else None
