from __future__ import annotations

import math

import pytest
import torch

from snn_mm.callbacks.modulation.functional.ratio import (
    discrepancy_ratios,
    ratios_of_steps,
    ratios_to_weakest,
)


def test_two_modalities_give_the_published_ratio_and_its_inverse() -> None:
    ratios = discrepancy_ratios({"audio": 6.0, "visual": 1.5})
    assert ratios == {"audio": 4.0, "visual": 0.25}


def test_three_modalities_compare_each_with_the_mean_of_the_others() -> None:
    ratios = discrepancy_ratios({"a": 6.0, "b": 2.0, "c": 1.0})
    assert ratios == pytest.approx({"a": 6 / 1.5, "b": 2 / 3.5, "c": 1 / 4})


def test_the_weakest_of_three_modalities_has_one_and_the_others_more() -> None:
    assert ratios_to_weakest({"a": 6.0, "b": 2.0, "c": 1.0}) == {"a": 6.0, "b": 2.0, "c": 1.0}
    vanishing = ratios_to_weakest({"a": 1.0, "b": 0.0})
    assert vanishing["b"] == 1.0
    assert 1e9 < vanishing["a"] < math.inf


def test_vanishing_scores_stay_finite() -> None:
    ratios = discrepancy_ratios({"a": 1.0, "b": 0.0})
    assert ratios["a"] > 1e9
    assert math.isfinite(ratios["a"])
    assert ratios["b"] == 0.0
    assert discrepancy_ratios({"a": 0.0, "b": 0.0}) == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize("scores", [{"a": 1.0}, {"a": 1.0, "b": -1.0}])
def test_one_modality_and_negative_scores_are_refused(scores: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="two or more non-negative"):
        discrepancy_ratios(scores)


@pytest.mark.parametrize("there", ["abc", "ac", "b", ""])
def test_ratios_of_steps_are_those_of_each_step_among_who_is_there(there: str) -> None:
    scores = torch.rand(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores[0, 1] = scores[2, 1] = 0.0
    found = ratios_of_steps(scores, torch.tensor([name in there for name in "abc"]))
    for step in range(5):
        of = {name: float(scores["abc".index(name), step]) for name in there}
        expected = dict.fromkeys("abc", 0.0) | (discrepancy_ratios(of) if len(of) > 1 else {})
        assert found[:, step].tolist() == pytest.approx(list(expected.values()), rel=1e-12)
