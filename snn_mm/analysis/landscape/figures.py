"""Landscapes of several runs on one scale: profile, contours, surface (as IEMF Fig. 2f)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from snn_mm.analysis.figure_style import COLOURS, STYLE, WIDTH, panels
from snn_mm.analysis.landscape.surface import Floats, Surface

Surfaces = Mapping[str, Surface]
"""Landscapes by the name of their run."""

COLOUR_MAP = "viridis"
LEVELS = 12
STEEPEST = 30.0
"""Nats above which losses are drawn as logarithms."""


@mpl.rc_context(STYLE)
def draw_profile(surfaces: Surfaces) -> Figure:
    """Loss and accuracy along the first direction, a line for each run."""
    figure, ((loss_panel, accuracy_panel),) = panels(1, 2, height=2.4)
    for (name, surface), colour in zip(surfaces.items(), _colours()):
        loss, accuracy = surface.profile
        loss_panel.plot(surface.ticks, loss, color=colour, marker=".", ms=3, label=name)
        accuracy_panel.plot(surface.ticks, accuracy, color=colour, marker=".", ms=3)
    if _needs_logarithm(surfaces):
        loss_panel.set_yscale("log")
    loss_panel.set_ylabel("loss / nats")
    accuracy_panel.set_ylabel("accuracy")
    accuracy_panel.set_ylim(0, 1)
    accuracy_panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    for panel in (loss_panel, accuracy_panel):
        panel.axvline(0, color="0.85", lw=0.6, zorder=0)
        panel.set_xlabel("step along the direction")
        panel.margins(x=0.01)
    figure.legend(loc="outside upper center", ncols=min(4, len(surfaces)))
    return figure


@mpl.rc_context(STYLE)
def draw_contours(surfaces: Surfaces) -> Figure:
    """Lines of equal loss, a panel for each run with the same levels and colours."""
    columns = min(3, len(surfaces))
    rows = -(-len(surfaces) // columns)
    figure, grid = panels(rows, columns, height=0.3 + rows * (0.3 + 5.4 / max(columns, 2)))
    cells = [panel for line in grid for panel in line]
    scale = _common_scale(surfaces)
    levels = MaxNLocator(LEVELS).tick_values(scale.low, scale.high)
    filled: Any = None
    for panel, (name, surface) in zip(cells, surfaces.items()):
        ticks, height = surface.ticks, scale.heights[name]
        filled = panel.contourf(ticks, ticks, height, levels, cmap=COLOUR_MAP, norm=scale.norm)
        lines = panel.contour(ticks, ticks, height, levels, colors="white", linewidths=0.5)
        panel.clabel(lines, fontsize=5, fmt="%g")
        panel.plot(0, 0, marker="+", color="white", ms=6, mew=1.2)
        panel.set(title=name, aspect="equal")
        _name_directions(panel)
    for panel in cells[len(surfaces) :]:
        panel.set_axis_off()
    figure.colorbar(filled, ax=cells, label=scale.label, shrink=0.9, pad=0.02)
    return figure


@mpl.rc_context(STYLE)
def draw_surface(surfaces: Surfaces) -> Figure:
    """The loss as a surface over the plane, side by side on one scale."""
    columns = min(3, len(surfaces))
    rows = -(-len(surfaces) // columns)
    figure = Figure(figsize=(WIDTH, rows * (0.4 + 6.0 / max(columns, 2))), layout="constrained")
    scale = _common_scale(surfaces)
    for place, (name, surface) in enumerate(surfaces.items()):
        panel: Any = figure.add_subplot(rows, columns, place + 1, projection="3d")
        x, y = np.meshgrid(surface.ticks, surface.ticks)
        height = scale.heights[name]
        panel.plot_surface(
            x, y, height, cmap=COLOUR_MAP, norm=scale.norm, rcount=100, ccount=100,
            linewidth=0.15, edgecolor=(0, 0, 0, 0.25), antialiased=True,
        )  # fmt: skip
        panel.set(title=name, zlim=(scale.low, scale.high), zlabel=scale.label)
        panel.view_init(elev=28, azim=-55)
        panel.set_box_aspect((1, 1, 0.75), zoom=0.9)
        panel.zaxis.set_major_locator(MaxNLocator(5))
        _name_directions(panel)
    return figure


def _name_directions(panel: Axes) -> None:
    panel.set(xlabel="first direction", ylabel="second direction")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def _colours() -> list[str]:
    return [*COLOURS] * 8


def _needs_logarithm(surfaces: Surfaces) -> bool:
    return any(np.nanmax(_finite(surface.loss)) > STEEPEST for surface in surfaces.values())


def _finite(loss: Floats) -> Floats:
    return np.where(np.isfinite(loss), loss, np.nan)


class _Scale(NamedTuple):
    """What runs are drawn on: heights by run `[R, R]`, their common range, what they are."""

    heights: dict[str, Floats]
    low: float
    high: float
    label: str

    @property
    def norm(self) -> Normalize:
        return Normalize(self.low, self.high)


def _common_scale(surfaces: Surfaces) -> _Scale:
    """One scale for all runs; gaps where a loss overflowed."""
    heights = {name: _finite(surface.loss) for name, surface in surfaces.items()}
    label = "loss / nats"
    if _needs_logarithm(surfaces):
        heights = {name: np.log10(np.maximum(loss, 1e-6)) for name, loss in heights.items()}
        label = "log10(loss / nats)"
    low = min(float(np.nanmin(height)) for height in heights.values())
    high = max(float(np.nanmax(height)) for height in heights.values())
    return _Scale(heights, low, max(high, low + 1e-6), label)
