"""Factors and gradient norms over training, as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snn_mm.figures.names import place_of, spoken
from snn_mm.figures.style import COLOURS, STYLE, panels, write_out

Numbers = NDArray[Any]
Points = Sequence[tuple[int, float]]

MAX_POINTS = 400
LOG_SPAN = 30.0
"""Ratio of the largest to the smallest value above which an axis is logarithmic."""


class Curve(NamedTuple):
    """A line with the range of what it averages; all `[S]`."""

    x: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers


@mpl.rc_context(STYLE)
def draw_factors(rows: Iterable[Mapping[str, str]]) -> Figure:
    """Lines over optimizer steps, one panel for each prefix of the names and each symbol.

    Args:
        rows: `step`, `epoch`, `name` and `value`, as `factors.csv` has them.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    starts: dict[int, int] = {}
    for row in rows:
        step = int(row["step"])
        series.setdefault(row["name"], []).append((step, float(row["value"])))
        starts.setdefault(int(row["epoch"]), step)
    ordered = sorted(series, key=lambda name: name.startswith("gradient_norm/"))
    own: dict[tuple[str, str], dict[str, Points]] = {}
    for place, name in ((place_of(name), name) for name in ordered):
        own.setdefault((place.prefix, place.symbol), {})[place.label] = series[name]
    figure, grid = panels(len(own), 1, height=0.5 + 1.5 * len(own))
    for ((prefix, symbol), lines), (panel,) in zip(own.items(), grid):
        _draw_lines(panel, lines)
        panel.set_ylabel(f"{spoken(prefix)} {symbol}".strip())
        _mark_epochs(panel, starts)
    grid[-1][0].set_xlabel("optimizer step")
    _name_epochs(grid[0][0], starts)
    return figure


def condense(x: Numbers, y: Numbers, points: int = MAX_POINTS) -> Curve:
    """Means of at most `points` stretches of a series `[S]`, with the range of each.

    All stretches but the last are equally long, so that a line is equally smooth everywhere.
    Values that are not finite are left out.
    """
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    length = max(1, -(-len(x) // points))
    groups = np.split(np.arange(len(x)), np.arange(length, len(x), length))
    rows = [(x[g].mean(), y[g].mean(), y[g].min(), y[g].max()) for g in groups if len(g)]
    return Curve(*np.array(rows, dtype=float).reshape(-1, 4).T)


def _draw_lines(panel: Axes, series: Mapping[str, Points]) -> None:
    curves = {name: condense(*np.array(points, dtype=float).T) for name, points in series.items()}
    for place, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        style = ("-", "--", ":")[place // len(COLOURS) % 3]
        panel.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, lw=0)
        panel.plot(curve.x, curve.mean, color=colour, ls=style, label=spoken(name))
    values = np.concatenate([curve.mean for curve in curves.values()])
    if len(values) and values.min() > 0 and values.max() / values.min() > LOG_SPAN:
        panel.set_yscale("log")
        write_out(panel.yaxis)
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    panel.margins(x=0.01)


def _mark_epochs(panel: Axes, starts: Mapping[int, int]) -> None:
    """A thin line where an epoch starts, as long as lines do not make up a grey field."""
    if len(starts) <= 60:
        for step in starts.values():
            panel.axvline(step, color="0.85", lw=0.6, zorder=0)


def _name_epochs(panel: Axes, starts: Mapping[int, int]) -> None:
    """A second axis on top that counts epochs from 1."""
    every = -(-len(starts) // 12)
    named = {step: epoch + 1 for epoch, step in starts.items() if epoch % every == 0}
    top = panel.secondary_xaxis("top")
    top.spines["top"].set_visible(False)
    top.set_xticks(list(named), [str(epoch) for epoch in named.values()])
    top.tick_params(length=0)
    top.set_xlabel("epoch")
