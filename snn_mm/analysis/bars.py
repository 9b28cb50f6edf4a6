"""Bars by family and variant, as the papers' figures have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from snn_mm.analysis.figure_style import COLOURS
from snn_mm.analysis.report.statistics import Summary
from snn_mm.analysis.variants import IEMF, JOINT, VANILLA

KIND_COLOURS = {VANILLA: COLOURS[0], JOINT: COLOURS[5], IEMF: COLOURS[4]}
"""Blue without and khaki with IEMF, as in IEMF Fig. 2."""

GROUP_WIDTH = 0.8


def draw_bars(
    panel: Axes,
    bars: Mapping[str, Mapping[str, Summary]],
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
    for place, name in enumerate(names):
        offset = (place - (len(names) - 1) / 2) * width
        found = [
            (x + offset, group[name]) for x, group in enumerate(bars.values()) if name in group
        ]
        heights = [summary.mean for _, summary in found]
        spread = [0.0 if math.isnan(s.deviation) else s.deviation for _, s in found]
        errors = spread if any(spread) else None
        panel.bar(
            [x for x, _ in found],
            heights,
            0.92 * width,
            yerr=errors,
            color=colours[name],
            label=name,
            error_kw={"elinewidth": 0.8, "capsize": 2, "ecolor": "0.25"},
        )
        for key, (x, summary), half in zip(_keys(bars, name), found, spread):
            if text := (notes or {}).get(key):
                panel.annotate(
                    text,
                    (x, summary.mean + half),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                )
    panel.set_xticks(range(len(bars)), wrapped(list(bars)))
    panel.tick_params(axis="x", length=0)


def wrapped(names: Sequence[str]) -> list[str]:
    """Names on several lines, broken where they list things."""
    return [name.replace(", ", "\n").replace(" + ", " +\n") for name in names]


def zoom(panel: Axes, summaries: Sequence[Summary]) -> None:
    """Cut the axis off below bars that differ by less than a quarter of their height.

    Args:
        panel: where bars were drawn.
        summaries: what they show.
    """
    spread = [0.0 if math.isnan(s.deviation) else s.deviation for s in summaries]
    low = min(s.mean - half for s, half in zip(summaries, spread))
    high = max(s.mean + half for s, half in zip(summaries, spread))
    if low > 0.75 * high:
        span = max(high - low, 0.01 * high)
        panel.set_ylim(low - 0.5 * span, high + 0.15 * span)


def _keys(bars: Mapping[str, Mapping[str, Summary]], name: str) -> list[tuple[str, str]]:
    return [(group, name) for group, members in bars.items() if name in members]
