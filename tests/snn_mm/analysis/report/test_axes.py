"""Ticks, scales and labels that do not overlap."""

from __future__ import annotations

import itertools

import pytest

from snn_mm.analysis.report.axes import make_scale, nice_step, spread_labels


@pytest.mark.parametrize(
    ("span", "step"), [(1.0, 0.2), (100.0, 20.0), (0.07, 0.02), (12.0, 2.5), (4.9, 1.0)]
)
def test_steps_are_round(span: float, step: float) -> None:
    assert nice_step(span, 5) == pytest.approx(step)


@pytest.mark.parametrize("span", [1.0, 3.0, 7.0, 30.0, 299.0])
def test_steps_between_epochs_are_whole(span: float) -> None:
    assert nice_step(span, 6, whole=True) % 1 == 0


def test_ends_are_ticks_around_all_values() -> None:
    scale = make_scale([0.31, 0.87], 0, 100)
    assert scale.ticks[0] == scale.low <= 0.31
    assert scale.ticks[-1] == pytest.approx(scale.high)
    assert scale.high >= 0.87


def test_values_map_linearly() -> None:
    scale = make_scale([0, 10], 200, 0)
    assert [scale(0), scale(5), scale(10)] == pytest.approx([200, 100, 0])


def test_bounds_hold() -> None:
    scale = make_scale([51.0, 99.7], 0, 100, bounds=(0, 100))
    assert scale.high == 100


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1e6])
def test_a_constant_gets_a_range_around_it(value: float) -> None:
    scale = make_scale([value, value], 0, 100)
    assert scale.low < value < scale.high
    assert len(scale.ticks) > 1


def test_a_single_epoch_gets_an_axis() -> None:
    scale = make_scale([0.0], 0, 100, whole=True)
    assert scale(0.0) == 0


def test_labels_keep_their_gap_and_order() -> None:
    moved = spread_labels([50, 51, 52, 10], 13, 0, 100)
    assert moved[3] < moved[0] < moved[1] < moved[2]
    ordered = sorted(moved)
    assert min(b - a for a, b in itertools.pairwise(ordered)) >= 13


def test_labels_stay_inside() -> None:
    assert max(spread_labels([99, 100], 13, 0, 100)) <= 100


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread_labels([10, 40], 13, 0, 100) == [10, 40]
