"""The cost of each method as a figure: error curves with the thresholds, and bars."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snn_mm.analysis.bands import LINES, draw_band
from snn_mm.analysis.bars import KIND_COLOURS, draw_bars
from snn_mm.analysis.cost_table import CostComparison, MethodCost, error_curves, scaled_unit
from snn_mm.analysis.figure_style import STYLE, panels
from snn_mm.analysis.report.curves import average
from snn_mm.analysis.report.statistics import Summary, summarise


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
    """Colours are those of the bars; families differ by the style of the line."""
    colours = bar_colours(costs)
    families = list(dict.fromkeys(row.variant.family for row in costs.rows))
    styles = {family: LINES[i % len(LINES)] for i, family in enumerate(families)}
    for threshold in costs.thresholds:
        panel.axhline(100 * threshold, color="0.8", lw=0.6, zorder=0)
    for row in costs.rows:
        points = average(error_curves(row.variant.group, metric).values())
        style = styles[row.variant.family]
        draw_band(panel, points, colours[row.variant.title], scale=100, style=style)
    if len(families) > 1:
        keys = [Line2D([], [], color="0.2", ls=styles[family]) for family in families]
        panel.legend(keys, families, handlelength=2.5)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"error, % (1 − {metric})")


def _draw_costs(panel: Axes, costs: CostComparison) -> None:
    scale, unit = scaled_unit([row.mean for row in costs.rows], costs.unit)
    bars: dict[str, dict[str, Summary]] = {}
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


def _scaled(row: MethodCost, scale: float) -> Summary:
    summary = summarise([cost / scale for cost in row.costs.values()])
    if summary is None:
        raise ValueError(f"{row.variant.label} has no run")
    return summary
