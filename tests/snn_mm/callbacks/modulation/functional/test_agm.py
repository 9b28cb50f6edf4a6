from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch

from snn_mm.callbacks.modulation.functional.agm import (
    agm_coefficients,
    coalition_responses,
    coalitions,
    mono_modal_responses,
    running_mean,
    surprise,
)


def test_shares_of_two_modalities_are_the_released_formula() -> None:
    fused, a, v = torch.randn(3, 4, 5, dtype=torch.float64)
    shares = mono_modal_responses(fused, {"audio": a, "visual": v})
    torch.testing.assert_close(shares["audio"], 0.5 * (fused - v + a))
    torch.testing.assert_close(shares["visual"], 0.5 * (fused - a + v))


def test_shares_of_three_additive_modalities_are_shapley_values() -> None:
    """Σ over subsets of others: |S|! (M - |S| - 1)! / M! · (V(S + m) - V(S)), V(S) = Σ o_k."""
    alone = {name: torch.randn(2, 3, dtype=torch.float64) for name in "abc"}
    fused = torch.stack(list(alone.values())).sum(dim=0)
    shares = mono_modal_responses(fused, alone)
    for name in alone:
        shapley = torch.zeros(2, 3, dtype=torch.float64)
        others = [other for other in alone if other != name]
        for size in range(3):
            for chosen in combinations(others, size):
                before = sum((alone[other] for other in chosen), torch.zeros(2, 3))
                weight = math.factorial(size) * math.factorial(2 - size) / 6
                shapley += weight * ((before + alone[name]) - before)
        torch.testing.assert_close(shares[name], shapley)


def test_responses_of_coalitions_are_the_benchmarks_formulas() -> None:
    """Of two modalities half of what is lost with one; of three as its class for audio has it."""
    a, v, t, av, at, vt, avt = torch.randn(7, 2, 3, dtype=torch.float64)
    two = coalition_responses({frozenset("a"): a, frozenset("v"): v, frozenset("av"): av})
    torch.testing.assert_close(two, {"a": 0.5 * (av - v), "v": 0.5 * (av - a)})
    given = dict(zip(["a", "v", "t", "av", "at", "vt", "avt"], [a, v, t, av, at, vt, avt]))
    three = coalition_responses({frozenset(name): value for name, value in given.items()})
    torch.testing.assert_close(three["a"], (avt - vt) / 3 + (av - v) / 6 + (at - t) / 6)
    torch.testing.assert_close(three["t"], (avt - av) / 3 + (at - a) / 6 + (vt - v) / 6)
    assert set(coalitions(["a", "v", "t"])) == set(map(frozenset, given))


def test_shares_add_up_to_the_fused_logits() -> None:
    fused = torch.randn(4, 5, dtype=torch.float64)
    alone = {name: torch.randn(4, 5, dtype=torch.float64) for name in "abc"}
    torch.testing.assert_close(sum(mono_modal_responses(fused, alone).values()), fused)


def test_surprise_is_cross_entropy_cut_at_the_smallest_probability() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [100.0, 0.0]], dtype=torch.float64)
    value = surprise(logits, torch.tensor([1, 1]))
    assert value.tolist() == pytest.approx([-math.log(0.75), -math.log(1e-8)])


def test_coefficient_is_the_released_one_for_two_modalities() -> None:
    scores, means = {"a": 0.7, "v": 1.1}, {"a": 0.9, "v": 1.0}
    coefficients = agm_coefficients(scores, means, alpha=1.5)
    a = math.exp(1.5 * (math.exp(1.0 - 0.9) - math.exp(1.1 - 0.7)))
    v = math.exp(1.5 * (math.exp(0.9 - 1.0) - math.exp(0.7 - 1.1)))
    assert coefficients == pytest.approx({"a": a, "v": v}, rel=1e-12)
    assert a < 1 < v  # audio leads more than it used to


def test_benchmark_form_has_the_opposite_sign() -> None:
    scores, means = {"a": 0.7, "v": 1.1}, {"a": 0.9, "v": 1.0}
    coefficients = agm_coefficients(scores, means, alpha=1.5, form="benchmark")
    a = math.exp(1.5 * (math.exp(0.9 - 1.0) - math.exp(0.7 - 1.1)))
    assert coefficients["a"] == pytest.approx(a, rel=1e-12)


@pytest.mark.parametrize(("form", "cap"), [("released", 10.0), ("benchmark", 7.0)])
def test_exponent_is_capped(form: str, cap: float) -> None:
    scores, means = {"a": 0.0, "v": 0.0}, {"a": 18.0, "v": 0.0}
    coefficients = agm_coefficients(scores, means, alpha=0.5, form=form)  # type: ignore[arg-type]
    assert max(coefficients.values()) == pytest.approx(math.exp(0.5 * cap))


def test_exponent_of_three_modalities_is_three_halves_of_the_distance_to_the_mean() -> None:
    scores = {"a": 0.3, "b": 0.9, "c": 1.5}
    zero = dict.fromkeys(scores, 0.0)
    ratio = math.exp(1.5 * (0.9 - 0.3))
    assert agm_coefficients(scores, zero)["a"] == pytest.approx(math.exp(1 - ratio), rel=1e-12)


def test_running_mean_is_the_mean() -> None:
    mean = 0.0
    for count, value in enumerate([4.0, 1.0, 7.0], start=1):
        mean = running_mean(mean, value, count)
    assert mean == pytest.approx(4.0)
