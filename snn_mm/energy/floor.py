"""The floor of a training step: the network's convolutions and linear layers, and nothing else.

Hooks record what each layer is given in one training step: shape, layout, type. `FloorRecord.round`
gives it the same again, forward and backward, beside whatever the network does around it. A product
that is no layer's, such as queries with keys, is not in the floor, nor are recurrent layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

LAYERS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.Linear,
)
Context = Callable[[], AbstractContextManager[Any]]
Mark = float | torch.cuda.Event
Span = tuple[Mark, Mark]


def floor_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The layers of a network that make the floor, by name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, LAYERS)}


def synchronise(device: torch.device) -> None:
    """Wait for what a GPU was told to do; nothing on a CPU, which has done it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        name: of the layer.
        layer: itself.
        like: an input `[...]` without values: shape, strides, type, device.
        needs: whether the input has a gradient.
        trains: whether the call had one at all; a teacher's has none.
    """

    name: str
    layer: nn.Module
    like: tuple[tuple[int, ...], tuple[int, ...], torch.dtype, torch.device]
    needs: bool
    trains: bool

    def spans(self, context: Context) -> list[Span]:
        """When forward and backward began and ended, on made-up values."""
        x = self._input()
        device = x.device
        with torch.set_grad_enabled(self.trains):
            start = mark(device)
            with context():
                y: Tensor = self.layer(x)
            forward = (start, mark(device))
        wanted: list[Tensor] = [p for p in self.layer.parameters() if p.requires_grad]
        wanted += [x] if self.needs else []
        if not y.requires_grad or not wanted:
            return [forward]
        gradient = torch.randn_like(y)
        start = mark(device)
        torch.autograd.grad(y, wanted, gradient)
        return [forward, (start, mark(device))]

    def _input(self) -> Tensor:
        shape, stride, dtype, device = self.like
        room = 1 + sum((size - 1) * step for size, step in zip(shape, stride))
        values = torch.randn(max(room, 1), dtype=dtype, device=device)
        return values.as_strided(shape, stride).detach().requires_grad_(self.needs)


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was told."""
    synchronise(device)
    return time.perf_counter()


def mark(device: torch.device) -> Mark:
    """This moment: of the program on a CPU, of its own work, for which nobody waits, on a GPU."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event


def seconds_of(span: Span) -> float:
    """How long a span was; waits for its end."""
    start, end = span
    if isinstance(start, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000
    return cast("float", end) - cast("float", start)


@dataclass
class FloorRecord:
    """The calls of a step, in their order.

    Attributes:
        calls: what was recorded.
        context: what the forward pass ran in, such as autocast.
    """

    calls: list[LayerCall] = field(default_factory=list)
    context: Context = nullcontext

    @contextmanager
    def recording(self, model: nn.Module) -> Iterator[None]:
        """Record every call of a layer of `model` while the block runs."""
        handles = [
            layer.register_forward_hook(partial(self._add, name))
            for name, layer in floor_layers(model).items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _add(self, name: str, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        x: Tensor = inputs[0]
        like = (tuple(x.shape), tuple(x.stride()), x.dtype, x.device)
        call = LayerCall(name, layer, like, x.requires_grad, torch.is_grad_enabled())
        self.calls.append(call)

    @property
    def layers(self) -> set[str]:
        """Names of the layers that were called."""
        return {call.name for call in self.calls}

    def round(self) -> float:
        """Seconds of all calls, one after the other, forward and backward."""
        spans = [span for call in self.calls for span in call.spans(self.context)]
        return sum(map(seconds_of, spans))
