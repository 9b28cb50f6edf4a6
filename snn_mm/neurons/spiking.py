"""What spikes in a network, and how its neurons are set back to rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from spikingjelly.activation_based.base import MemoryModule
from spikingjelly.activation_based.neuron import BaseNode
from spikingjelly.activation_based.surrogate import SurrogateFunctionBase
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from snn_mm.neurons.carried import carrier_of

PROBE = torch.logspace(-2, 3, 64)
"""Sizes of the currents that a layer is tried with; they are given with both signs."""

LEVELS = 16
"""A layer whose output has at most so many different values fires; an activation has more."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
MEMBRANES = "_memories"
"""Where torch and spikingjelly keep what a copy must not have."""


def is_heard(module: nn.Module) -> bool:
    """Whether anything sees what a module is given, or takes its place."""
    own = (module._forward_hooks, module._forward_pre_hooks)
    back = (module._backward_hooks, module._backward_pre_hooks)
    everywhere: bool = nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]
    return any(map(len, (*own, *back))) or everywhere or "forward" in vars(module)


class StartsAtRest(nn.Module):
    """A network that begins every call with its neurons at rest, whatever its `forward` does.

    So no membrane leaks from one batch into the next, nor keeps the graph of a call. In training
    mode the last membranes are let go when it ends, which a backward pass has better use for than
    the next call, that forgets them; in evaluation they stay readable.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Reset the neurons and run `forward`."""
        reset_neurons(self)
        with detached_after(self):
            output = super().__call__(*args, **kwargs)
        if self.training and carrier_of(self) is None:
            reset_neurons(self)
        return output


def reset_neurons(module: nn.Module) -> None:
    """Set the membranes of every spiking layer in `module` back to rest, and nothing else.

    spikingjelly's `reset_net` calls every `reset` method it meets, and so empties torchmetrics too.
    While a `Carrier` runs, they go on from where the same pass ended one time step before.
    """
    carrier = carrier_of(module)
    if carrier is not None:
        carrier.begin(module)
        return
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


@contextmanager
def unused(module: nn.Module) -> Iterator[None]:
    """Show a module without hooks and at rest for a while.

    A copy with hooks would report to the monitors of the original, and membranes of a training step
    are part of its graph and can't be copied.
    """
    kept = [
        (part, key, part.__dict__[key])
        for part in module.modules()
        for key in (*HOOKS, *({MEMBRANES} & set(part.__dict__)))
    ]
    for part, key, value in kept:
        part.__dict__[key] = OrderedDict() if key in HOOKS else dict.fromkeys(value)
    try:
        yield
    finally:
        for part, key, value in kept:
            part.__dict__[key] = value


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
