"""The firing rate of training: its mean, its ranks, its precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, distributed

from snn_mm.modules.sgmt.firing_rate import FiringRate

STEPS, SAMPLES, WIDTH = 7, 3, 12
LENGTHS = torch.tensor([7, 3, 5])
VALID = torch.arange(STEPS).unsqueeze(1) < LENGTHS  # [T, N]


def spike_train(rate: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    spikes = torch.rand(STEPS, SAMPLES, WIDTH, generator=generator) < rate
    return (spikes & VALID.unsqueeze(-1)).double()


def test_the_running_rate_is_a_mean_that_becomes_a_moving_average() -> None:
    rate, trains = FiringRate(momentum=0.6), [spike_train(f) for f in (0.1, 0.4, 0.2, 0.6)]
    seen = [float(rate(spikes, VALID)) for spikes in trains]
    mean = (seen[0] + seen[1]) / 2
    third = 0.6 * mean + 0.4 * seen[2]
    assert float(rate.running) == pytest.approx(0.6 * third + 0.4 * seen[3], rel=1e-6)
    assert list(rate.state_dict()) == ["running", "batches"]


def test_ranks_share_one_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = spike_train(0.2)
    other = torch.tensor([30.0, 60.0])  # spikes and places of another rank
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "all_reduce", lambda counts: counts.add_(other))
    places = int(LENGTHS.sum()) * WIDTH
    expected = (float(spikes.sum()) + 30) / (places + 60)
    assert float(FiringRate()(spikes, VALID)) == pytest.approx(expected, rel=1e-6)


def test_the_rate_of_float64_is_summed_in_float64() -> None:
    values = torch.rand(STEPS, SAMPLES, WIDTH, dtype=torch.float64)
    expected = values.permute(1, 0, 2)[VALID.T].mean()
    assert float(FiringRate()(values, VALID)) == pytest.approx(float(expected), rel=1e-13)
