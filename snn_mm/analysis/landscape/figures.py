"""Landscapes of several runs on one scale: profile, contours, surface (as IEMF Fig. 2f)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from snn_mm.analysis.bands import LINES
from snn_mm.analysis.landscape.surface import Floats, Surface
from snn_mm.figures.style import COLOURS, STYLE, WIDTH, panels, write_out

Surfaces = Mapping[str, Surface]
"""Landscapes by the name of their run."""

COLOUR_MAP = "viridis"
LEVELS = 12
LABELLED = 6
"""Lines up to this one carry their loss: those around the minimum; the colour bar has the rest."""
BAR = 0.9
"""Inches for a colour bar beside surfaces."""
STEEPEST = 30.0
"""Nats above which losses are drawn as logarithms."""


@mpl.rc_context(STYLE)
def draw_profile(surfaces: Surfaces) -> Figure:
    """Loss and accuracy along the first direction, a line for each run."""
    figure, ((loss_panel, accuracy_panel),) = panels(1, 2, height=2.4)
    for place, (name, surface) in enumerate(surfaces.items()):
        loss, accuracy = surface.profile
        turn, hue = divmod(place, len(COLOURS))
        look: Any = {"color": COLOURS[hue], "ls": LINES[turn % len(LINES)], "marker": ".", "ms": 3}
        loss_panel.plot(surface.ticks, loss, label=name, **look)
        accuracy_panel.plot(surface.ticks, accuracy, **look)
    if _needs_logarithm(surfaces):
        loss_panel.set_yscale("log")
        write_out(loss_panel.yaxis)
    loss_panel.set_ylabel("loss / nats")
    accuracy_panel.set_ylabel("accuracy")
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
    rows, columns = _grid(surfaces)
    figure = Figure(figsize=(columns * WIDTH / 2 + 0.3, 3.2 * rows), layout="constrained")
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    scale = _common_scale(surfaces)
    levels = MaxNLocator(LEVELS).tick_values(scale.low, scale.high)
    filled: Any = None
    for panel, (name, surface) in zip(cells, surfaces.items()):
        ticks, height = surface.ticks, scale.heights[name]
        filled = panel.contourf(ticks, ticks, height, levels, cmap=COLOUR_MAP, norm=scale.norm)
        lines = panel.contour(ticks, ticks, height, levels, colors="white", linewidths=0.5)
        panel.clabel(lines, levels[1:LABELLED], fontsize=5, fmt="%g")
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
    rows, columns = _grid(surfaces)
    figure = Figure(figsize=(columns * WIDTH / 2 + 0.3, 3.0 * rows))
    scale = _common_scale(surfaces)
    # No layout engine: all of them leave the room of a cube's bounding box around a 3-D panel.
    right = 1 - BAR / figure.get_figwidth()
    figure.subplots_adjust(left=0, right=right, bottom=0.08, top=0.95, wspace=0.05, hspace=0.2)
    for place, (name, surface) in enumerate(surfaces.items()):
        panel: Any = figure.add_subplot(rows, columns, place + 1, projection="3d")
        panel.plot_surface(
            *np.meshgrid(surface.ticks, surface.ticks), scale.heights[name],
            cmap=COLOUR_MAP, norm=scale.norm, rcount=100, ccount=100,
            linewidth=0.15, edgecolor=(0, 0, 0, 0.25),
        )  # fmt: skip
        panel.set_title(name, y=1.0)
        panel.set_zlim(scale.low, scale.high)
        panel.view_init(elev=28, azim=-55)
        panel.set_box_aspect((1, 1, 0.8), zoom=0.95)
        panel.zaxis.set_major_locator(MaxNLocator(5))
        panel.tick_params(labelsize=6, pad=-2, labelfontfamily="sans-serif")
        panel.xaxis.labelpad = panel.yaxis.labelpad = -5
        _name_directions(panel)
    bar = figure.add_axes((right + 0.03, 0.3, 0.1 / figure.get_figwidth(), 0.4))
    figure.colorbar(ScalarMappable(scale.norm, COLOUR_MAP), cax=bar, label=scale.label)
    return figure


def draw_all(surfaces: Surfaces) -> dict[str, Figure]:
    """The profile and, of planes, contours and surface, by these names."""
    if any(len(surface.loss) == 1 for surface in surfaces.values()):
        return {"profile": draw_profile(surfaces)}
    drawers = {"profile": draw_profile, "contours": draw_contours, "surface": draw_surface}
    return {name: draw(surfaces) for name, draw in drawers.items()}


def _grid(surfaces: Surfaces) -> tuple[int, int]:
    """Rows and columns, two at most."""
    columns = min(2, len(surfaces))
    return -(-len(surfaces) // columns), columns


def _name_directions(panel: Axes) -> None:
    panel.set(xlabel="first direction", ylabel="second direction")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


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
