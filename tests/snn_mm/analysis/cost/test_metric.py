"""The cost metric, by hand."""

from __future__ import annotations

import pytest

from snn_mm.analysis.cost.metric import (
    Bounds,
    cost_reduction,
    error_bounds,
    error_thresholds,
    first_epoch,
    training_cost,
)
from snn_mm.errors import UserError

FAST = {1: 0.8, 2: 0.5, 3: 0.3, 4: 0.2, 5: 0.25}
SLOW = {1: 0.9, 2: 0.7, 3: 0.6, 4: 0.5, 5: 0.4}


def test_bounds_are_the_smallest_highest_and_the_largest_lowest_error() -> None:
    assert error_bounds([FAST, SLOW]) == Bounds(upper=0.8, lower=0.4)


def test_bounds_by_the_last_error_take_the_end_of_each_curve() -> None:
    noisy = {1: 0.9, 2: 0.1, 3: 0.6}
    assert error_bounds([FAST, noisy], "last") == Bounds(0.8, 0.6)
    assert error_bounds([FAST, noisy], "lowest") == Bounds(0.8, 0.2)


def test_thresholds_are_uniform_and_end_exactly_at_the_bounds() -> None:
    bounds = Bounds(0.8, 0.1 + 0.2)  # 0.30000000000000004, which 0.8 - 4 · step may miss
    thresholds = error_thresholds(bounds)
    assert thresholds == pytest.approx([0.8, 0.675, 0.55, 0.425, 0.3])
    assert (thresholds[0], thresholds[-1]) == bounds


def test_first_epoch_counts_from_one_and_accepts_equality() -> None:
    assert first_epoch(FAST, 0.8) == 1
    assert first_epoch(FAST, 0.3) == 3
    assert first_epoch(FAST, 0.31) == 3


def test_first_epoch_of_an_error_that_is_never_reached_is_none() -> None:
    assert first_epoch(SLOW, 0.39) is None


def test_cost_by_hand() -> None:
    # Thresholds 0.8, 0.7, 0.6, 0.5, 0.4: FAST reaches them in 1, 2, 2, 2, 3, SLOW in 2, 2, 3, 4, 5.
    thresholds = error_thresholds(error_bounds([FAST, SLOW]))
    fast = [first_epoch(FAST, error + 1e-12) for error in thresholds]
    slow = [first_epoch(SLOW, error + 1e-12) for error in thresholds]
    assert fast == [1, 2, 2, 2, 3]
    assert slow == [2, 2, 3, 4, 5]
    assert training_cost([1, 2, 2, 2, 3], 10.0) == pytest.approx(20.0)  # 10 / 5 · 10
    assert training_cost([2, 2, 3, 4, 5], 5.0) == pytest.approx(16.0)  # 16 / 5 · 5


def test_every_curve_reaches_every_threshold_with_either_reading_of_final() -> None:
    curves = [FAST, SLOW, {1: 0.85, 2: 0.35, 3: 0.38}]
    for final in ("lowest", "last"):
        thresholds = error_thresholds(error_bounds(curves, final))
        assert all(first_epoch(curve, error) for curve in curves for error in thresholds)


def test_half_the_cost_is_a_reduction_of_half() -> None:
    assert cost_reduction(30.0, 60.0) == pytest.approx(0.5)
    assert cost_reduction(75.0, 60.0) == pytest.approx(-0.25)


def test_curves_without_a_common_range_are_refused() -> None:
    with pytest.raises(UserError, match=r"no range in common.*0\.3000.*0\.5000"):
        error_bounds([{1: 0.3, 2: 0.2}, {1: 0.9, 2: 0.5}])


@pytest.mark.parametrize("curves", [[], [FAST, {}]])
def test_a_missing_curve_is_refused(curves: list[dict[int, float]]) -> None:
    with pytest.raises(UserError, match="error curve of every training"):
        error_bounds(curves)


def test_one_threshold_is_no_interval() -> None:
    with pytest.raises(UserError, match="2 thresholds"):
        error_thresholds(Bounds(0.8, 0.2), levels=1)
