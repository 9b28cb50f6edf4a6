from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snn_mm.analysis.landscape.figures import (
    Surfaces,
    draw_contours,
    draw_profile,
    draw_surface,
)
from snn_mm.analysis.landscape.surface import Surface
from snn_mm.figures.style import save_figure

TICKS = np.linspace(-1.0, 1.0, 9)
X, Y = np.meshgrid(TICKS, TICKS)


def bowl(steepness: float) -> Surface:
    loss = 0.2 + steepness * (X**2 + Y**2)
    return Surface(TICKS, loss, 1 / (1 + loss))


@pytest.fixture
def two() -> Surfaces:
    return {"flat": bowl(1.0), "sharp": bowl(4.0)}


def test_runs_share_levels_and_colours(two: Surfaces) -> None:
    figure = draw_contours(two)
    flat, sharp, _ = figure.axes
    filled = [panel.collections[0] for panel in (flat, sharp)]
    assert filled[0].get_clim() == filled[1].get_clim()
    np.testing.assert_array_equal(*(part.levels for part in filled))  # type: ignore[attr-defined]
    assert [flat.get_title(), sharp.get_title()] == ["flat", "sharp"]


def test_surfaces_share_their_height(two: Surfaces) -> None:
    flat, sharp, _ = draw_surface(two).axes
    assert flat.get_zlim() == sharp.get_zlim() == pytest.approx((0.2, 8.2))  # type: ignore[attr-defined]


def test_the_profile_has_a_line_for_each_run_through_its_middle(two: Surfaces) -> None:
    loss, accuracy = draw_profile(two).axes
    for line, surface in zip(loss.lines, two.values()):
        np.testing.assert_allclose(line.get_ydata(), surface.loss[4])
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), two["sharp"].accuracy[4])


def test_a_line_alone_has_a_profile() -> None:
    surface = Surface(TICKS, TICKS[None] ** 2, 1 - TICKS[None] ** 2)
    assert len(draw_profile({"one": surface}).axes) == 2


def test_losses_that_explode_are_drawn_as_logarithms_with_gaps(tmp_path: Path) -> None:
    steep = bowl(1e6)
    steep.loss[0, 0] = np.inf
    surfaces = {"calm": bowl(1.0), "wild": steep}
    assert draw_profile(surfaces).axes[0].get_yscale() == "log"
    for place, figure in enumerate((draw_contours(surfaces), draw_surface(surfaces))):
        assert figure.axes[-1].get_ylabel() == "log10(loss / nats)"
        save_figure(figure, tmp_path / f"{place}.png")


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_runs_fits(count: int, tmp_path: Path) -> None:
    surfaces = {f"run {n}": bowl(1.0 + n) for n in range(count)}
    for kind, draw in (("contours", draw_contours), ("surface", draw_surface)):
        save_figure(draw(surfaces), tmp_path / f"{kind}.png")
        assert (tmp_path / f"{kind}.png").stat().st_size > 10_000
