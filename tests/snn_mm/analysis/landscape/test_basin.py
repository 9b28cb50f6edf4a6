from __future__ import annotations

import numpy as np
import pytest

from snn_mm.analysis.landscape.basin import measure_basin

TICKS = np.linspace(-2.0, 2.0, 41)
X, Y = np.meshgrid(TICKS, TICKS)


def test_a_parabola_rises_by_one_at_its_exact_width() -> None:
    basin = measure_basin(TICKS, (3 + TICKS**2 / 0.81)[None])
    assert basin.width == pytest.approx(1.8, abs=0.01)
    assert not basin.is_open


def test_sides_of_a_line_may_differ() -> None:
    loss = np.where(TICKS < 0, -2 * TICKS, TICKS)[None]
    assert measure_basin(TICKS, loss).width == pytest.approx(1.5)


def test_a_round_bowl_in_the_plane() -> None:
    basin = measure_basin(TICKS, X**2 + Y**2)
    assert basin.width == pytest.approx(2.0, abs=0.01)
    assert not basin.is_open


def test_an_elliptic_bowl_has_the_mean_of_its_diameters() -> None:
    angles = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    radii = 1 / np.sqrt(np.cos(angles) ** 2 / 0.25 + np.sin(angles) ** 2 / 1.0)
    basin = measure_basin(TICKS, X**2 / 0.25 + Y**2)
    assert basin.width == pytest.approx(2 * radii.mean(), rel=0.02)


def test_a_basin_that_reaches_the_rim_says_so() -> None:
    basin = measure_basin(TICKS, X**2 + 0 * Y)
    assert basin.is_open
    assert measure_basin(TICKS, 0 * X).width == pytest.approx(4.0)


def test_only_the_basin_of_the_middle_counts() -> None:
    loss = (2 * np.sin(4 * TICKS) ** 2)[None]
    assert measure_basin(TICKS, loss).width == pytest.approx(2 * np.pi / 16, abs=0.02)


def test_losses_that_overflowed_lie_outside() -> None:
    loss = np.where(np.abs(TICKS) > 0.55, np.inf, 0.0)[None]
    basin = measure_basin(TICKS, loss)
    assert basin.width == pytest.approx(1.0, abs=0.2)
    assert not basin.is_open
