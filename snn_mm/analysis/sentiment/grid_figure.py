"""A grid of two swept options as heat maps, a panel for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import short_key
from snn_mm.analysis.sentiment.score_grid import Grid, Place
from snn_mm.analysis.sentiment.score_metrics import RATES
from snn_mm.figures.style import STYLE, panels

COLUMNS = 3
CHOSEN_COLOUR, TEST_COLOUR = "#D55E00", "black"


@mpl.rc_context(STYLE)
def draw_grid(grid: Grid, select_by: str, metrics: Sequence[str]) -> Figure:
    """Means as numbers on colours, brighter for better; firing rates in grey, darker for more.

    A frame marks the cell that was chosen on validation data, a dashed one the best on test.

    Args:
        grid: what was swept.
        select_by: the validation metric that chooses.
        metrics: what is shown, a panel each.
    """
    lines = -(-len(metrics) // COLUMNS)
    height = 0.6 + lines * (0.55 + 0.24 * len(grid.rows))
    figure, axes = panels(lines, COLUMNS, height)
    flat = [panel for line in axes for panel in line]
    chosen = grid.best(select_by)
    for panel, metric in zip(flat, metrics):
        _draw_map(panel, grid, metric)
        if best := grid.best_on_test(metric):
            _frame(panel, grid, best, TEST_COLOUR, "--", 0.10)
        if chosen:
            _frame(panel, grid, chosen, CHOSEN_COLOUR, "-", 0.03)
    for panel in flat[len(metrics) :]:
        panel.remove()
    for line in axes:
        line[0].set_ylabel(short_key(grid.rows_key))
    for panel in flat[max(0, len(metrics) - COLUMNS) : len(metrics)]:
        panel.set_xlabel(short_key(grid.columns_key))
        panel.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=CHOSEN_COLOUR, lw=1.6, label=f"chosen by {select_by}"),
        Line2D([], [], color=TEST_COLOUR, ls="--", label="best on test"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _draw_map(panel: Axes, grid: Grid, metric: str) -> None:
    """One heat map with its numbers."""
    shown = Metric(metric)
    means = np.array(
        [[_mean(grid, (row, column), metric) for column in grid.columns] for row in grid.rows]
    )  # [rows, columns]
    low, high = _range(means)
    image = panel.imshow(means, cmap=_colours(metric), aspect="auto", vmin=low, vmax=high)
    for (y, x), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            colour = "white" if _is_dark(image.cmap(image.norm(mean))) else "black"
            text = f"{mean:.{min(shown.digits, 3)}f}"
            panel.text(x, y, text, ha="center", va="center", fontsize=6.5, color=colour)
    panel.set_xticks(range(len(grid.columns)), grid.columns)
    panel.set_yticks(range(len(grid.rows)), grid.rows)
    panel.tick_params(length=0)
    panel.set_title(_title(metric), loc="left", fontsize=8)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _mean(grid: Grid, place: Place, metric: str) -> float:
    found = grid.summary(place, metric)
    return float("nan") if found is None else Metric(metric).scale * found.mean


def _range(means: NDArray[np.float64]) -> tuple[float, float]:
    """Where colours end: at Tukey's fences, so that one collapsed cell does not hide the others."""
    first, third = np.nanpercentile(means, [25, 75])
    reach = 1.5 * (third - first)
    inside = means[(means >= first - reach) & (means <= third + reach)]
    return float(inside.min()), float(inside.max())


def _colours(metric: str) -> mpl.colors.Colormap:
    """Better is brighter; a rate is neither good nor bad."""
    name = "Greys" if metric.startswith(RATES) else "viridis"
    lower = Metric(metric).lower_is_better
    return mpl.colormaps[f"{name}_r" if lower else name].with_extremes(bad="0.9")


def _is_dark(colour: Any) -> bool:
    rgb: NDArray[np.float64] = np.asarray(colour[:3])
    return float(rgb @ np.array([0.299, 0.587, 0.114])) < 0.5


def _title(metric: str) -> str:
    """Name of a panel: the score as papers write it, with its stage and head."""
    if metric.startswith(RATES):
        return f"firing rate, {metric.removeprefix(RATES)}"
    stage, head = metric.split("/")[0], metric.rpartition("/")[2]
    unit = ", %" if Metric(metric).is_share else ""
    return f"{stage} {Metric(metric).label}{unit} ({head})"


def _frame(panel: Axes, grid: Grid, place: Place, colour: str, line: str, inset: float) -> None:
    """A frame inside the edges of a cell, so that two of them can be told apart."""
    x, y = grid.columns.index(place[1]) - 0.5 + inset, grid.rows.index(place[0]) - 0.5 + inset
    size = 1 - 2 * inset
    panel.add_patch(Rectangle((x, y), size, size, fill=False, ec=colour, ls=line, lw=1.4))
