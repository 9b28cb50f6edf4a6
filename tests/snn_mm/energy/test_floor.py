"""The floor has the layers that ran, as they ran, and nothing else."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.energy.floor import FloorRecord, floor_layers, mark, seconds_of
from snn_mm.neurons import IEMFLIF


def record(model: nn.Module, x: torch.Tensor) -> FloorRecord:
    floor = FloorRecord()
    with floor.recording(model):
        model(x)
    return floor


@pytest.mark.parametrize(
    "model",
    [ConvNet(1, time_steps=2, channels=(2, 3), feature_dim=4), ResNet18(1, width=4, time_steps=2)],
    ids=lambda model: type(model).__name__,
)
def test_every_convolution_and_linear_layer_is_in_it(model: nn.Module) -> None:
    floor = record(model, torch.randn(2, 1, 32, 32))
    assert floor.layers == floor_layers(model).keys()
    assert len(floor.calls) == len(floor.layers)


def test_a_call_is_repeated_with_its_shape_its_layout_and_its_type() -> None:
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last).bfloat16()
    x = torch.randn(2, 3, 8, 9, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    floor = record(layer, x.requires_grad_())
    seen: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    assert floor.round() > 0
    assert (seen[0].shape, seen[0].stride(), seen[0].dtype) == (x.shape, x.stride(), x.dtype)
    assert seen[0].requires_grad


def test_an_input_that_repeats_itself_in_memory_is_made_alike() -> None:
    layer = nn.Linear(5, 2)
    floor = record(layer, torch.randn(1, 3, 5).expand(4, 3, 5))
    assert floor.calls[0].like[1] == (0, 5, 1)
    assert floor.round() > 0


def test_what_learns_nothing_is_only_run_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, floor = nn.Linear(5, 2), FloorRecord()
    with floor.recording(layer), torch.no_grad():
        layer(torch.randn(3, 5))
    monkeypatch.setattr(torch.autograd, "grad", lambda *_: pytest.fail("backward"))
    assert floor.round() > 0


def test_gradients_and_hooks_of_the_network_stay_as_they_were() -> None:
    model = ConvNet(1, time_steps=2, channels=(2,), feature_dim=4, neuron=IEMFLIF)
    floor = record(model, torch.randn(2, 1, 8, 8))
    floor.round()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(part._forward_hooks for part in floor_layers(model).values())


def test_a_layer_called_twice_counts_twice_and_in_the_context_of_the_step() -> None:
    layer = nn.Linear(4, 4)
    floor = FloorRecord(context=partial(torch.autocast, "cpu", torch.bfloat16))
    with floor.recording(layer):
        layer(layer(torch.randn(2, 4)))
    types: list[torch.dtype] = []
    layer.register_forward_hook(lambda _, inputs, output: types.append(output.dtype))
    floor.round()
    assert types == [torch.bfloat16] * 2


class FakeEvent:
    """An event of a device on which a millisecond passes from one to the next."""

    made = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, stream: str) -> None:
        assert stream == "current"
        FakeEvent.made += 1
        self.at = FakeEvent.made

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: FakeEvent) -> float:
        return float(end.at - self.at)


def test_a_gpu_is_timed_by_its_own_events_and_waited_for_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "current")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: pytest.fail("waits"))
    start, end = (mark(torch.device("cuda:0")) for _ in range(2))
    assert seconds_of((start, end)) == pytest.approx(1e-3)
