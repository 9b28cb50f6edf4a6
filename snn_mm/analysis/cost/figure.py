"""The cost of each method as a figure: error curves with the thresholds, and bars."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snn_mm.analysis.bands import LINES, draw_band
from snn_mm.analysis.bars import KIND_COLOURS, draw_bars
from snn_mm.analysis.cost.table import CostComparison, MethodCost, scaled_unit
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.metric import title_of
from snn_mm.analysis.report.statistics import MeanDeviation, summarise
from snn_mm.figures.style import COLOURS, STYLE, panels

MANY_FAMILIES = 4
"""Curves of one colour that the style of their line tells apart."""


@mpl.rc_context(STYLE)
def draw_cost(costs: CostComparison, metric: str) -> Figure:
    """Draw error by epoch with the thresholds, beside the cost of each method (IEMF Fig. 2g).

    Args:
        costs: the comparison.
        metric: the accuracy whose error is drawn.
    """
    figure, [[curves, bars]] = panels(1, 2, height=2.6)
    _draw_curves(curves, costs, metric)
    _draw_costs(bars, costs)
    return figure


def bar_colours(costs: CostComparison) -> dict[str, str]:
    """Colour by the title of each variant; variants of one kind share a hue, γ = 1 is darkest."""
    titles = dict.fromkeys((row.variant.kind, row.variant.title) for row in costs.rows)
    colours: dict[str, str] = {}
    for kind, title in titles:
        shades = sorted((t for k, t in titles if k == kind), key=lambda t: t != kind)
        colours[title] = shade(KIND_COLOURS[kind], shades.index(title) / len(shades))
    return colours


def shade(colour: str, lightness: float) -> str:
    """A colour, mixed with white."""
    red, green, blue = (c + (1.0 - c) * lightness for c in mpl.colors.to_rgb(colour))
    return mpl.colors.to_hex((red, green, blue))


def _draw_curves(panel: Axes, costs: CostComparison, metric: str) -> None:
    """Colours are those of the bars and styles tell families; of many, it is the other way."""
    titles, families = bar_colours(costs), dict.fromkeys(row.variant.family for row in costs.rows)
    many = len(families) > MANY_FAMILIES
    styled, coloured = (titles, families) if many else (families, titles)
    styles = {name: LINES[i % len(LINES)] for i, name in enumerate(styled)}
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(coloured)}
    if not many:
        colours = titles
    for threshold in costs.thresholds:
        panel.axhline(100 * threshold, color="0.8", lw=0.6, zorder=0)
    for row in costs.rows:
        accuracy = row.variant.group.curve(metric)
        points = [Point(p.epoch, 1 - p.mean, 1 - p.high, 1 - p.low) for p in accuracy]
        names = row.variant.family, row.variant.title
        coloured_by, styled_by = names if many else names[::-1]
        draw_band(panel, points, colours[coloured_by], scale=100, style=styles[styled_by])
    keys = {name: Line2D([], [], color="0.2", ls=styles[name]) for name in styled}
    keys = keys if len(keys) > 1 else {}
    if many:
        keys = {name: Line2D([], [], color=colours[name]) for name in families} | keys
    if keys:
        panel.legend(list(keys.values()), list(keys), handlelength=2.5)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"error, % (1 − {title_of(metric)})")


def _draw_costs(panel: Axes, costs: CostComparison) -> None:
    scale, unit = scaled_unit([row.mean for row in costs.rows], costs.unit)
    bars: dict[str, dict[str, MeanDeviation]] = {}
    notes = {}
    for row in costs.rows:
        family, title = row.variant.family, row.variant.title
        bars.setdefault(family, {})[title] = _scaled(row, scale)
        reduction = costs.reduction(row)
        if reduction is not None:
            notes[family, title] = f"{-100 * reduction:+.0f} %".replace("-", "−")
    draw_bars(panel, bars, bar_colours(costs), notes)
    panel.set_ylabel(f"cost, {unit}")
    panel.margins(y=0.12)
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _scaled(row: MethodCost, scale: float) -> MeanDeviation:
    summary = summarise([cost / scale for cost in row.costs.values()])
    if summary is None:
        raise ValueError(f"{row.variant.label} has no run")
    return summary
