from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from spikingjelly.activation_based.neuron import PSN, SlidingPSN
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, scaled_dot_product_attention

from snn_mm.energy import Counts, count_operations
from snn_mm.energy.copies import copy_for_counting
from snn_mm.energy.cost import CostModel
from snn_mm.energy.layers import label_layers, total
from snn_mm.energy.report import summarise
from snn_mm.neurons import LIF

FREE = CostModel("free", 0.0, 0.0, 0.0)
SPIKES = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])


class Behind(nn.Module):
    """A first layer that passes spikes `[1, 2, 4]` on, a transformation, and a second layer."""

    def __init__(self, transform: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.transform = transform
        self.first = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(4, 3)
        nn.init.eye_(self.first.weight)

    def forward(self, spikes: Tensor) -> Tensor:
        passed = (self.first(spikes * 2 - 1) > 0).to(spikes)  # a raw input that is not binary
        out: Tensor = self.second(self.transform(passed))
        return out


def run(model: nn.Module, *samples: Tensor) -> dict[str, Counts]:
    return count_operations(model, samples).by_layer()


def pooled(spikes: Tensor) -> Tensor:
    means = avg_pool2d(spikes.unsqueeze(0), (1, 2)).squeeze(0)  # [2, 2]
    return means.repeat(1, 2)  # [2, 4]


@pytest.mark.parametrize("transform", [lambda s: 1.7 * s, pooled], ids=["scaled", "pooled"])
def test_scaled_and_averaged_spikes_are_mac_and_not_pure(
    transform: Callable[[Tensor], Tensor],
) -> None:
    model = Behind(transform)
    counts = run(model, SPIKES)
    assert (counts["second"].mac, counts["second"].synops) == (2 * 4 * 3, 0)
    assert summarise(label_layers(model, counts), FREE, 1).purity == 0.0


def test_binary_spikes_are_pure_and_cost_an_ac_per_connection() -> None:
    model = Behind(lambda s: s)
    counts = run(model, SPIKES)
    assert (counts["second"].mac, counts["second"].synops) == (0, 4 * 3)
    assert summarise(label_layers(model, counts), FREE, 1).purity == 1.0


def test_purity_is_judged_sample_by_sample() -> None:
    model = Behind(lambda s: s * (1.0 if s.sum() < 3 else 0.5))
    counts = run(model, SPIKES, SPIKES * torch.tensor([[0.0], [1.0]]))
    assert (counts["second"].mac, counts["second"].synops) == (24, 3)
    assert summarise(label_layers(model, counts), FREE, 2).purity == 0.5


def test_a_layer_called_twice_counts_twice_and_the_total_once_for_each_call() -> None:
    shared = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(shared, nn.Sequential(shared))
    assert total_of(model).mac == 2 * 4 * 4


def test_a_neuron_with_two_parents_is_counted_once_for_each_call() -> None:
    neuron = LIF(implementation="reference")
    model = nn.Sequential(nn.Linear(4, 4), neuron, nn.Sequential(neuron))
    counts = count_operations(model, [torch.randn(2, 1, 4)]).by_layer()
    assert sum(part.neuron_updates for part in counts.values()) == 2 * 8


@pytest.mark.parametrize("neuron", [partial(PSN, T=4), partial(SlidingPSN, k=2, step_mode="m")])
def test_neurons_without_a_membrane_are_updated_too(neuron: Callable[[], nn.Module]) -> None:
    counts = run(nn.Sequential(nn.Linear(5, 6), neuron()), torch.rand(4, 1, 5))
    assert counts["1"].neuron_updates == 4 * 6
    assert set(counts) <= {"0", "1"}  # what happens within a neuron is the neuron's


def test_work_outside_of_any_layer_belongs_to_the_network_itself() -> None:
    model = nn.Linear(4, 4, bias=False)
    counters = count_operations(
        model, [torch.full((1, 4), 0.5)], lambda x: model(x) @ torch.randn(4, 2)
    )
    assert counters.by_layer()[""].mac == 16 + 8


def test_neurons_are_left_at_rest_and_hooks_removed() -> None:
    model = nn.Sequential(nn.Linear(4, 4), LIF(implementation="reference"))
    count_operations(model, [torch.randn(2, 1, 4)])
    assert model[1].v == 0.0
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


class Attention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            return scaled_dot_product_attention(x, x, x)
        return (x @ x.transpose(-1, -2)).softmax(-1) @ x


@pytest.mark.parametrize("fused", [True, False])
def test_attention_is_counted_whether_fused_or_not(fused: bool) -> None:
    assert total_of(Attention(fused), torch.randn(1, 5, 4)).mac == 2 * 5 * 5 * 4


@pytest.mark.parametrize("inference", [True, False])
def test_inference_mode_and_autocast_around_the_count_change_nothing(inference: bool) -> None:
    with torch.inference_mode(inference), torch.autocast("cpu", torch.bfloat16):
        assert total_of(nn.Linear(4, 4, bias=False)).mac == 16


def total_of(model: nn.Module, x: Tensor | None = None) -> Counts:
    with torch.inference_mode(False):
        sample = torch.full((1, 4), 0.5) if x is None else x
    return total(label_layers(model, run(model, sample)))


def test_every_sample_begins_with_membranes_at_rest() -> None:
    neuron = LIF(decay_input=False, implementation="reference")
    model = nn.Sequential(neuron, nn.Linear(4, 2))
    charge = torch.full((1, 1, 4), 0.75)  # two of these in a row would make a neuron fire
    counts = run(model, charge, charge)["1"]
    assert counts.synops == 0
    assert counts.memory_bytes == 2 * 2 * 4  # two biases a sample, and no weight


def test_autocast_around_the_count_does_not_reach_the_network() -> None:
    seen: list[torch.dtype] = []
    model = nn.Linear(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        count_operations(model, [torch.rand(1, 4)], lambda x: seen.append(model(x).dtype))
    assert set(seen) == {torch.float32}


def test_an_lstm_costs_what_its_matrix_products_do() -> None:
    lstm, steps = nn.LSTM(3, 5, batch_first=True), 4
    counts = count_operations(lstm, [torch.randn(1, steps, 3)]).by_layer()
    assert sum(c.sites for c in counts.values()) == steps * 4 * 5 * (3 + 5)
    assert torch.backends.mkldnn.enabled


def test_arithmetic_alone_is_counted_the_same_in_one_run() -> None:
    torch.manual_seed(0)
    model = copy_for_counting(nn.Sequential(nn.Linear(4, 5), LIF(), nn.Linear(5, 3)))
    runs: list[int] = []
    model.register_forward_hook(lambda *_: runs.append(1))
    whole = run(model, SPIKES.unsqueeze(1))
    both = len(runs)
    alone = count_operations(model, [SPIKES.unsqueeze(1)], arithmetic_only=True).by_layer()
    assert (both, len(runs)) == (2, 3)
    assert {k: (c.mac, c.ac, c.sites) for k, c in alone.items()} == {
        k: (c.mac, c.ac, c.sites) for k, c in whole.items()
    }
    assert sum(c.memory_bytes + c.neuron_updates + c.synops for c in alone.values()) == 0
