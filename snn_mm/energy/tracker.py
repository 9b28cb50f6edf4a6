"""Tells spikingjelly's counters which layer an operation belongs to."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snn_mm.neurons import spiking_layers

TOTAL = "Global"
"""The scope under which spikingjelly books everything."""


class LayerTracker:
    """A module tracker for `DispatchCounterMode` that names one layer per operation.

    spikingjelly's own tracker books an operation under every module around it, and gives a module
    with two parents the name of the last. Here an operation belongs to the innermost module alone,
    what happens within a neuron to the neuron, so that the layers add up to the total.

    Args:
        model: the network that will run.

    Attributes:
        names: the scope of each module.
        visited: scopes of the modules that ran, in the order in which they began.
    """

    def __init__(self, model: nn.Module) -> None:
        self.names = {module: scope(model, name) for name, module in outer_modules(model).items()}
        self.visited: dict[str, None] = {}
        self._stack: list[nn.Module] = []
        self._handles: list[RemovableHandle] = []

    @property
    def parents(self) -> set[str]:
        """Scopes of the operation that runs now."""
        return {TOTAL, self.names[self._stack[-1]]} if self._stack else {TOTAL}

    @property
    def active_modules(self) -> set[nn.Module]:
        """Modules that run now."""
        return set(self._stack)

    def __enter__(self) -> LayerTracker:
        for module in self.names:
            self._handles.append(module.register_forward_pre_hook(self._push))
            self._handles.append(module.register_forward_hook(self._pop, always_call=True))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._stack.clear()

    def _push(self, module: nn.Module, _: tuple[Any, ...]) -> None:
        self._stack.append(module)
        self.visited.setdefault(self.names[module])

    def _pop(self, module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        if self._stack:
            self._stack.pop()


def outer_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Modules by name, each once, without what lies within neurons."""
    named = dict(model.named_modules())
    neurons = [f"{name}." for name, _ in spiking_layers(model) if name]
    return {name: module for name, module in named.items() if not name.startswith(tuple(neurons))}


def scope(model: nn.Module, name: str) -> str:
    """The key under which spikingjelly's module counters book a module."""
    root = type(model).__name__
    return f"{root}.{name}" if name else root
