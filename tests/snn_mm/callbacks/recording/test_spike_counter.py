from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from spikingjelly.activation_based.neuron import PSN, BaseNode, IFNode
from torch import Tensor

from snn_mm.callbacks.recording.firing_rate import sum_leading
from snn_mm.callbacks.recording.spike_counter import (
    BINS,
    SpikeCounter,
    membrane_edges,
    membrane_histogram,
    spike_shares,
)
from snn_mm.errors import UserError


class Replay(BaseNode):
    """Gives out its input as spikes and keeps a membrane that is told."""

    def __init__(self, step_mode: str = "m") -> None:
        super().__init__(step_mode=step_mode)

    def forward(self, x: Tensor) -> Tensor:
        self.v = x[-1] - 0.5 if self.step_mode == "m" else x - 0.5
        return x


@pytest.fixture
def batches() -> list[Tensor]:
    """Spikes `[T, N, C, H]` of two batches; neuron (0, 0) is silent and (1, 1) saturated."""
    generator = torch.Generator().manual_seed(0)
    made = [(torch.rand(3, n, 2, 4, generator=generator) < 0.4).float() for n in (5, 2)]
    for spikes in made:
        spikes[:, :, 0, 0], spikes[:, :, 1, 1] = 0, 1
    return made


def count_by_loop(batches: list[Tensor]) -> tuple[float, float, float]:
    """Rate, silent and saturated shares, one neuron at a time."""
    trains = [
        [float(s) for spikes in batches for s in spikes[:, :, c, h].flatten()]
        for c in range(2)
        for h in range(4)
    ]
    rate = sum(map(sum, trains)) / sum(map(len, trains))
    silent = sum(not any(train) for train in trains) / len(trains)
    saturated = sum(all(train) for train in trains) / len(trains)
    return rate, silent, saturated


def test_shares_equal_a_loop_over_neurons_and_batches(batches: list[Tensor]) -> None:
    layer = Replay()
    counter = SpikeCounter("a", "layer", layer, membrane_samples=4)
    for spikes in batches:
        layer(spikes)
    found = counter.summarise(lambda counts: counts, saturated_from=1.0)
    assert (found.rate, found.silent, found.saturated) == pytest.approx(count_by_loop(batches))
    assert found.silent >= 1 / 8
    assert found.saturated >= 1 / 8


def test_single_steps_count_like_many_at_once(batches: list[Tensor]) -> None:
    layer = Replay(step_mode="s")
    counter = SpikeCounter("a", "layer", layer, membrane_samples=4)
    for spikes in batches:
        for step in spikes:
            layer(step)
    found = counter.summarise(lambda counts: counts, saturated_from=1.0)
    assert found[3:6] == pytest.approx(count_by_loop(batches))


def test_sums_over_ranks_weigh_every_rank(batches: list[Tensor]) -> None:
    layer = Replay()
    counter = SpikeCounter("a", "layer", layer, membrane_samples=4)
    layer(batches[0])
    alone = counter.summarise(lambda counts: counts, saturated_from=1.0)
    twice = counter.summarise(lambda counts: counts * 2, saturated_from=1.0)
    assert twice[:6] == pytest.approx(alone[:6])
    assert sum(twice.membrane) == 2 * sum(alone.membrane)


def test_threshold_of_saturation() -> None:
    fired = torch.tensor([0, 8, 9, 10])
    assert spike_shares(fired, 10, 1.0) == (27 / 40, 1 / 4, 1 / 4)
    assert spike_shares(fired, 10, 0.9)[2] == 2 / 4


def test_sum_is_right_in_any_memory_order_and_in_bfloat16() -> None:
    spikes = (torch.rand(6, 5, 4, 3) < 0.5).float()  # [T*N, C, H, W]
    last = spikes.to(memory_format=torch.channels_last).view(2, 3, 5, 4, 3)
    expected = spikes.view(2, 3, 5, 4, 3).sum((0, 1))
    assert torch.equal(sum_leading(last, 2), expected)
    many = torch.ones(1000, 1, 2, dtype=torch.bfloat16)
    assert sum_leading(many, 2).tolist() == [1000, 1000]


@pytest.mark.parametrize("channels_last", [False, True])
def test_graded_spikes_of_float64_are_summed_in_float64(channels_last: bool) -> None:
    graded = torch.rand(4, 3, 5, 6, 6, dtype=torch.float64)
    if channels_last:
        graded = graded.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, (4, 3))
    torch.testing.assert_close(
        sum_leading(graded, 2), graded.sum(dim=(0, 1)), rtol=1e-15, atol=1e-14
    )


def test_histogram_equals_a_loop_and_loses_nothing() -> None:
    potential = torch.tensor([-9.0, -3.0, -0.01, 0.0, 0.999, 1.49, 1.5, float("inf"), float("nan")])
    counts = membrane_histogram(potential).tolist()
    edges = membrane_edges()
    inner = [int(((potential >= lo) & (potential < hi)).sum()) for lo, hi in pairwise(edges)]
    assert counts == [1, *inner, 3]
    assert len(counts) == BINS + 2


def test_membrane_is_that_after_the_last_step_over_the_threshold() -> None:
    layer = IFNode(v_threshold=2.0, step_mode="m")
    counter = SpikeCounter("a", "layer", layer, membrane_samples=2)
    layer(torch.full((3, 5, 1), 0.5))  # [T, N, 1]: 0.5, 1.0, 1.5 without a spike
    membrane = counter.summarise(lambda counts: counts, 1.0).membrane
    assert membrane == membrane_histogram(torch.tensor([0.75, 0.75])).tolist()


def test_inputs_of_changing_size_are_refused() -> None:
    layer = Replay()
    SpikeCounter("a", "layer", layer, membrane_samples=1)
    layer(torch.zeros(2, 1, 4))
    with pytest.raises(UserError, match=r"\[4\] in one batch and \[5\]"):
        layer(torch.zeros(2, 1, 5))


def test_neurons_without_a_membrane_are_counted() -> None:
    layer = PSN(T=3)
    counter = SpikeCounter("a", "layer", layer, membrane_samples=4)
    spikes = layer(torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0)))
    found = counter.summarise(lambda counts: counts, saturated_from=1.0)
    assert (found.neurons, found.membrane) == (5, [])
    assert found.rate == pytest.approx(spikes.mean().item())
