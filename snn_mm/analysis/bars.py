"""Bars by family and variant, as the papers' figures have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.analysis.variants import IEMF, JOINT, VANILLA
from snn_mm.figures.style import COLOURS

KIND_COLOURS = {VANILLA: COLOURS[0], JOINT: COLOURS[5], IEMF: COLOURS[4]}
"""Blue without and khaki with IEMF, as in IEMF Fig. 2."""

GROUP_WIDTH = 0.8
CROWDED = 8
"""Groups from which on their names are turned."""


def draw_bars(
    panel: Axes,
    bars: Mapping[str, Mapping[str, MeanDeviation]],
    colours: Mapping[str, str],
    notes: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Draw groups of bars side by side, with the standard deviation where there is one.

    Args:
        panel: where to draw.
        bars: by group, then by name of the bar; a name has the same place in each group.
        colours: by name of the bar, in the order of their places.
        notes: text above a bar, by group and name.
    """
    names = [name for name in colours if any(name in group for group in bars.values())]
    width = GROUP_WIDTH / max(len(names), 1)
    from_zero = not is_narrow([s for group in bars.values() for s in group.values()])
    for place, name in enumerate(names):
        offset = (place - (len(names) - 1) / 2) * width
        found = {x + offset: group[name] for x, group in enumerate(bars.values()) if name in group}
        _draw_kind(panel, found, width, colours[name], name, from_zero)
        texts = [(notes or {}).get(key) for key in _keys(bars, name)]
        for text, (x, summary) in zip(texts, found.items()):
            if text:
                _annotate(panel, text, x, summary.mean + summary.spread)
    panel.tick_params(axis="x", length=0)
    if len(bars) > CROWDED:
        panel.set_xticks(range(len(bars)), list(bars))
        for label in panel.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    else:
        panel.set_xticks(range(len(bars)), wrapped(list(bars)))


def _draw_kind(
    panel: Axes,
    found: Mapping[float, MeanDeviation],
    width: float,
    colour: str,
    name: str,
    from_zero: bool,
) -> None:
    """Draw what one name has, by place: bars, or points where the axis will not start at zero."""
    places, heights = list(found), [summary.mean for summary in found.values()]
    spreads = [summary.spread for summary in found.values()]
    errors = spreads if any(spreads) else None
    if from_zero:
        style = {"elinewidth": 0.8, "capsize": 2, "ecolor": "0.25"}
        panel.bar(
            places, heights, 0.92 * width, yerr=errors, color=colour, label=name, error_kw=style
        )
        return
    panel.errorbar(
        places, heights, errors, fmt="o", ms=4, lw=0.8, capsize=2, color=colour, label=name
    )


def _annotate(panel: Axes, text: str, x: float, y: float) -> None:
    panel.annotate(text, (x, y), (0, 2), textcoords="offset points", ha="center", fontsize=7)


def wrapped(names: Sequence[str]) -> list[str]:
    """Names on several lines, broken where they list things."""
    return [name.replace(", ", "\n").replace(" + ", " +\n") for name in names]


def zoom(panel: Axes, summaries: Sequence[MeanDeviation]) -> None:
    """Cut the axis off below values that differ by less than a quarter of their height.

    Args:
        panel: where points were drawn.
        summaries: what they show.
    """
    if is_narrow(summaries):
        low, high = _range(summaries)
        span = max(high - low, 0.01 * high)
        panel.set_ylim(low - 0.25 * span, high + 0.15 * span)


def is_narrow(summaries: Sequence[MeanDeviation]) -> bool:
    """Whether bars from zero would hide how values differ, so that points are drawn instead."""
    low, high = _range(summaries)
    return low > 0.75 * high


def _range(summaries: Sequence[MeanDeviation]) -> tuple[float, float]:
    return min(s.mean - s.spread for s in summaries), max(s.mean + s.spread for s in summaries)


def _keys(bars: Mapping[str, Mapping[str, MeanDeviation]], name: str) -> list[tuple[str, str]]:
    return [(group, name) for group, members in bars.items() if name in members]
