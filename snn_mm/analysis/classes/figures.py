"""Confusion matrices as heat maps, and layouts coloured by class, a panel for each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.analysis.classes.study import Plane
from snn_mm.contracts import FUSED
from snn_mm.figures.style import STYLE, WIDTH

COLUMNS = 3
WIDE_FROM = 13
"""Classes from which two panels stand side by side instead of three."""

NUMBERED = 10
"""Classes up to which cells hold their number."""

NAMED = 40
"""Classes up to which each is named."""

MARKERS = "o^sDvP*X"
_DARK = 0.55


@mpl.rc_context(STYLE)
def draw_confusion(counts: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """What each class (row) is taken for (column), in percent of the row.

    Args:
        counts: `[K, K]` by output.
        names: of the K classes.
    """
    figure, axes = _panels(len(counts), COLUMNS if len(names) < WIDE_FROM else 2, extra=0.35)
    for panel, (output, matrix) in zip(axes, counts.items()):
        values = matrix.double().numpy()
        right = f"{100 * values.trace() / values.sum():.1f} % right" if values.sum() else "absent"
        panel.set_title(f"{output}: {right}", loc="left")
        _draw_shares(panel, values, names)
    axes[0].set_ylabel("class")
    for panel in axes:
        panel.set_xlabel("taken for")
    figure.colorbar(axes[0].images[0], ax=axes, shrink=0.6, aspect=25, label="share of the class")
    return figure


@mpl.rc_context(STYLE)
def draw_layouts(
    placed: Mapping[str, Plane | None],
    target: NDArray[np.int64],
    names: Sequence[str],
) -> Figure:
    """Layouts of the same samples, coloured and marked by class.

    Args:
        placed: `[n, 2]` by output; None where there is nothing to show.
        target: classes `[n]`.
        names: of the K classes.
    """
    figure, axes = _panels(len(placed), min(COLUMNS, len(placed)), extra=0.3 * _legend_lines(names))
    for panel, (output, layout) in zip(axes, placed.items()):
        panel.set_title(f"{output}: {'logits' if output == FUSED else 'features'}", loc="left")
        panel.set(xticks=[], yticks=[])
        panel.spines[["left", "bottom"]].set_visible(False)
        if layout is None:
            panel.text(0.5, 0.5, "all alike, or too few", ha="center", transform=panel.transAxes)
        else:
            _draw_points(panel, layout, target, names)
    if len(names) <= NAMED:
        handles = [_marker(label, name) for label, name in enumerate(names)]
        figure.legend(handles=handles, loc="outside lower center", ncols=_legend_columns(names))
    return figure


def _panels(count: int, columns: int, extra: float) -> tuple[Figure, list[Axes]]:
    """Square panels in lines of so many, and inches below them."""
    lines = -(-count // columns)
    height = lines * (WIDTH / columns + 0.15) + extra
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    flat = list(figure.subplots(lines, columns, squeeze=False).flat)
    for panel in flat[count:]:
        panel.remove()
    return figure, flat[:count]


def _draw_shares(panel: Axes, counts: Plane, names: Sequence[str]) -> None:
    """One heat map; grey where a class has no sample."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    colours = mpl.colormaps["Blues"].with_extremes(bad="0.9")
    panel.imshow(shares, cmap=colours, vmin=0.0, vmax=1.0)
    if len(names) <= NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share) and counts[row, column]:
                colour = "white" if share > _DARK else "black"
                text = f"{100 * share:.0f}"
                panel.text(column, row, text, ha="center", va="center", fontsize=5, color=colour)
    panel.tick_params(length=0, labelsize=max(3.0, min(6.5, 110 / len(names))))
    shown = names if len(names) <= NAMED else []
    panel.set_xticks(range(len(shown)), shown, rotation=90)
    panel.set_yticks(range(len(shown)), shown)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _draw_points(
    panel: Axes, layout: Plane, target: NDArray[np.int64], names: Sequence[str]
) -> None:
    """All classes of one layout."""
    size = float(np.clip(3000 / len(layout), 3, 14))
    for label in range(len(names)):
        x, y = layout[target == label].T
        colour, marker = _look(label)
        panel.scatter(x, y, s=size, color=colour, marker=marker, lw=0, alpha=0.8)


def _look(label: int) -> tuple[Any, str]:
    """Ten colours, and another marker for every ten classes."""
    return mpl.colormaps["tab10"](label % 10), MARKERS[label // 10 % len(MARKERS)]


def _marker(label: int, name: str) -> Line2D:
    colour, marker = _look(label)
    return Line2D([], [], color=colour, marker=marker, ls="", ms=4, label=name)


def _legend_columns(names: Sequence[str]) -> int:
    """As many columns as the longest name leaves room for."""
    return max(1, min(len(names), round(100 / (max(map(len, names)) + 5))))


def _legend_lines(names: Sequence[str]) -> int:
    return -(-len(names) // _legend_columns(names)) if len(names) <= NAMED else 0
