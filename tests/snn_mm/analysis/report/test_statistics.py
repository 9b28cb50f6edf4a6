"""Means over seeds and the paired test."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest

from snn_mm.analysis.report.statistics import (
    LARGEST_EXACT,
    exact_p,
    paired_test,
    sampled_p,
    summarise,
)

CASES = [
    [0.4],
    [0.5, -0.25],
    [1.0, 2.0, 3.0],
    [1.0, -1.0, 0.0, 2.0],
    [0.3, 0.1, -0.2, 0.05, 0.4, -0.6, 0.7],
    [0.1] * 8,
]


def enumerated_p(differences: list[float]) -> float:
    """The definition, in exact arithmetic: all 2^n sign patterns, none left out."""
    exact = [Fraction(str(d)) for d in differences]
    patterns = list(product((1, -1), repeat=len(exact)))
    sums = [sum(s * d for s, d in zip(signs, exact)) for signs in patterns]
    return sum(abs(total) >= abs(sum(exact)) for total in sums) / len(sums)


@pytest.mark.parametrize("differences", CASES)
def test_exact_p_is_the_share_of_all_sign_patterns(differences: list[float]) -> None:
    assert exact_p(differences) == pytest.approx(enumerated_p(differences), abs=1e-15)


@pytest.mark.parametrize("differences", CASES)
def test_drawn_patterns_come_close_to_all_patterns(differences: list[float]) -> None:
    assert sampled_p(differences) == pytest.approx(exact_p(differences), abs=0.02)


def test_five_pairs_that_all_gain_cannot_give_less_than_one_in_sixteen() -> None:
    test = paired_test([0.6, 0.7, 0.8, 0.9, 1.0], [0.5, 0.5, 0.5, 0.5, 0.5])
    assert test is not None
    assert (test.p, test.smallest_p, test.pairs) == (0.0625, 0.0625, 5)
    assert test.difference == pytest.approx(0.3)


def test_equal_values_have_p_one() -> None:
    test = paired_test([0.5, 0.6], [0.5, 0.6])
    assert test is not None
    assert test.p == 1.0


def test_no_pairs_have_no_test() -> None:
    assert paired_test([], []) is None


def test_many_pairs_are_drawn_and_repeat_to_the_digit() -> None:
    ours = [0.5 + 0.01 * i for i in range(LARGEST_EXACT + 4)]
    first, second = (paired_test(ours, [0.5] * len(ours)) for _ in range(2))
    assert first == second
    assert first is not None
    assert 0 < first.p < 0.001


def test_summary_divides_by_n_minus_one() -> None:
    summary = summarise([1.0, 2.0, 4.0])
    assert summary is not None
    assert summary.mean == pytest.approx(7 / 3)
    assert summary.deviation == pytest.approx(math.sqrt(7 / 3))
    assert summary.size == 3


def test_one_value_has_no_deviation_and_none_no_summary() -> None:
    single = summarise([1.0])
    assert single is not None
    assert math.isnan(single.deviation)
    assert summarise([]) is None
