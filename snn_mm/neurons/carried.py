"""States of neurons that are kept outside of the network, from one time step to the next.

Networks set their neurons back to rest whenever they are asked. While a `Carrier` runs, each such
reset is instead followed by the state in which the same pass ended one time step before: so the
same code that sees all time steps at once sees them one by one, and a network that is asked several
times a step, such as a spiking fusion for shared unimodal logits, has one state for each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from spikingjelly.activation_based.base import MemoryModule
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from snn_mm.errors import UserError

Place = tuple[str, int, str, str]
"""A part of a network by name, which of its resets of one step began the pass, a layer of it by
name, and the name of its memory."""

States = Mapping[Place, Tensor]
"""What neurons hold."""

_RUNNING: dict[int, Carrier] = {}  # by the id of each part of the networks that run


class Carrier:
    """Puts the states of a network's layers in, and takes them out again, for one time step.

    Args:
        parts: networks that set their neurons back to rest when they are asked, by name.

    Raises:
        UserError: a layer has a reset of its own and is no `MemoryModule` of spikingjelly.
    """

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        named = [pair for name, part in parts.items() for pair in part.named_modules(prefix=name)]
        for name, part in named:
            _check_state(name, part)
        self.names = {id(part): name for name, part in named}
        self.layers = {id(part): _memories(part) for _, part in named}
        self._clear({})

    @contextmanager
    def carry(self, states: States) -> Iterator[dict[Place, Tensor]]:
        """Let passes begin where they ended one time step before.

        Nothing stays in the network, and the given states are not changed.

        Args:
            states: left by the step before; none at the first.

        Yields:
            The states after the step, complete when the block has ended.
        """
        self._clear(states)
        _RUNNING.update(dict.fromkeys(self.names, self))
        try:
            yield self.after
            self._end(list(self.passes))
        finally:
            for part in self.names:
                _RUNNING.pop(part, None)
            for layer in self.passes:
                layer.reset()
            self._clear({})

    def begin(self, module: nn.Module) -> None:
        """Begin a pass of a part where it ended a step before; the one before it has ended."""
        name, layers = self.names[id(module)], self.layers[id(module)]
        self._end([layer for layer in layers if layer in self.passes])
        for layer in layers:
            layer.reset()
            self.passes[layer] = (name, self.resets[name], self.names[id(layer)])
            for memory in layer._memories:
                place = (*self.passes[layer], memory)
                layer._memories[memory] = self.before.get(place, layer._memories[memory])
        self.resets[name] += 1

    def _end(self, layers: list[MemoryModule]) -> None:
        """Take out what layers hold."""
        for layer in layers:
            for memory, value in layer._memories.items():
                if isinstance(value, Tensor):
                    self.after[*self.passes[layer], memory] = value

    def _clear(self, states: States) -> None:
        self.before = states
        self.after: dict[Place, Tensor] = {}
        self.resets: Counter[str] = Counter()
        self.passes: dict[MemoryModule, tuple[str, int, str]] = {}


def carrier_of(module: nn.Module) -> Carrier | None:
    """What keeps the states of a part of a network meanwhile; None at all other times."""
    return _RUNNING.get(id(module)) if _RUNNING else None


def _memories(part: nn.Module) -> list[MemoryModule]:
    return [layer for layer in part.modules() if isinstance(layer, MemoryModule)]


def _check_state(name: str, part: nn.Module) -> None:
    """Refuse a layer whose state can't be taken out."""
    if isinstance(part, MemoryModule | Metric | MetricCollection):
        return
    if callable(getattr(type(part), "reset", None)):
        raise UserError(
            f"{name}: {type(part).__name__} keeps its state where nobody can take it out\n"
            "accepted: a MemoryModule of spikingjelly, whose states are register_memory's"
        )
