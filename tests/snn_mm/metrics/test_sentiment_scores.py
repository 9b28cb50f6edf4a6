"""Rules by which sentiment scores are rated."""

from __future__ import annotations

import math

import pytest
import torch
from numpy_scores import NUMPY
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics import sentiment_scores
from snn_mm.metrics.sentiment_scores import (
    Protocol,
    correlation,
    interval_classes,
    mosei_scores,
    rate,
    rounded_classes,
    sims_scores,
    weighted_f1,
)

# What MMSA's own MetricsTop gives for the vectors of `drawn`, rounded to four digits as it does.
PEER = {
    "sims": {
        "accuracy_2": 0.8569,
        "accuracy_3": 0.7921,
        "accuracy_5": 0.5513,
        "f1": 0.8572,
        "mae": 0.2659,
        "corr": 0.8523,
    },
    "mosei": {
        "accuracy_2_has0": 0.8987,
        "f1_has0": 0.8988,
        "accuracy_2_non0": 0.9188,
        "f1_non0": 0.9188,
        "accuracy_5": 0.6306,
        "accuracy_7": 0.4761,
        "mae": 0.6452,
        "corr": 0.9153,
    },
}
BY_HAND = (
    torch.tensor([-1.5, -0.7, -0.1, 0, 0.1, 0.11, 0.7, 1.4]),
    torch.tensor([-1, -0.8, -0.2, 0, 0.2, 0.2, 0.8, 1]),
)


def drawn() -> dict[str, tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    sims = torch.randint(-5, 6, (1034,), generator=generator) / 5
    noisy = sims + 0.4 * torch.randn(1034, generator=generator)
    mosei = torch.randint(-9, 10, (4659,), generator=generator) / 3
    return {
        "sims": (noisy, sims),
        "mosei": (mosei + 0.8 * torch.randn(4659, generator=generator), mosei),
    }


def numbers(scores: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}


@pytest.mark.parametrize("protocol", ["sims", "mosei"])
def test_large_vectors_are_rated_as_the_peer_rates_them(protocol: Protocol) -> None:
    rated = numbers(rate(*drawn()[protocol], protocol))
    assert {name: round(value, 4) for name, value in rated.items()} == PEER[protocol]


@pytest.mark.parametrize("protocol", ["sims", "mosei"])
@pytest.mark.parametrize("seed", range(5))
def test_scores_on_a_grid_of_edges_equal_a_float64_computation(
    protocol: Protocol, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    score, target = torch.randint(-40, 41, (2, 60), generator=generator) / 10
    expected = NUMPY[protocol](score.numpy(), target.numpy())
    assert numbers(rate(score, target, protocol)) == pytest.approx(expected, abs=1e-6)


def test_the_hand_computed_case_of_sims() -> None:
    expected = {
        "accuracy_2": 1.0,
        "accuracy_3": 0.875,
        "accuracy_5": 0.75,
        "f1": 1.0,
        "mae": 0.06125,
        "corr": 0.9944,
    }
    assert numbers(sims_scores(*BY_HAND)) == pytest.approx(expected, abs=5e-5)


def test_an_edge_belongs_to_the_class_below_also_in_double_precision() -> None:
    edges = torch.tensor([-0.1, 0.1, 0.1000001, -0.0, 0.0], dtype=torch.float64)
    assert interval_classes(edges, (-0.1, 0.1)).tolist() == [0, 1, 2, 1, 1]


def test_halves_round_to_the_even_class_within_the_limit() -> None:
    halves = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 9.0])
    assert rounded_classes(halves, 3).tolist() == [0, 2, 2, 0, -2, -2, 3]
    assert rounded_classes(halves, 2).tolist() == [0, 2, 2, 0, -2, -2, 2]


def test_f1_counts_a_class_that_is_never_predicted_as_zero() -> None:
    true = torch.tensor([1, 1, 1, 0])
    assert float(weighted_f1(torch.ones(4), true)) == pytest.approx(0.75 * 6 / 7)


def test_f1_gives_no_weight_to_a_class_that_is_never_true() -> None:
    predicted = torch.tensor([1, 1, 1, 0])
    assert float(weighted_f1(predicted, torch.ones(4))) == pytest.approx(6 / 7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_correlation_of_a_constant_is_nan_whatever_its_rounding(size: int) -> None:
    varying = torch.linspace(-1, 1, size)
    for score, target in ((torch.full((size,), 0.1), varying), (varying, torch.full((size,), 0.1))):
        assert math.isnan(correlation(score, target))


def test_a_constant_has_no_correlation_where_sums_are_not_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sentiment_scores, "_exact", lambda values: values)  # as on MPS
    score, target = torch.full((1001,), 0.1), torch.linspace(-1, 1, 1001)
    assert math.isnan(correlation(score, target))


def test_a_correlation_survives_a_large_offset() -> None:
    x = torch.tensor([0.0, 1.0, 2.0, 4.0])
    assert float(correlation(x + 4096, x)) == pytest.approx(1.0, abs=1e-7)


def test_without_a_target_other_than_zero_only_the_non0_scores_are_nan() -> None:
    scores = numbers(mosei_scores(torch.tensor([0.1, -0.2]), torch.zeros(2)))
    without = {name for name, value in scores.items() if math.isnan(value)}
    assert without == {"accuracy_2_non0", "f1_non0", "corr"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_prediction_that_is_no_number_is_refused_and_counted(value: float) -> None:
    score = torch.tensor([0.0, value, 1.0])
    with pytest.raises(UserError, match="predicted scores: 1 of 3 are NaN or infinite"):
        rate(score, torch.zeros(3), "sims")


def test_a_target_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="targets: 1 of 2"):
        rate(torch.zeros(2), torch.tensor([0.0, math.nan]), "mosei")


def test_an_unknown_protocol_is_refused_with_those_accepted() -> None:
    with pytest.raises(UserError, match="accepted: sims, mosei"):
        rate(torch.zeros(1), torch.zeros(1), "pom")  # type: ignore[arg-type]
