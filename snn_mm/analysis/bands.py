"""Curves over epochs with the band of one standard deviation."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from snn_mm.analysis.report.curves import Point

LINES = ("-", "--", ":", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
"""Styles that tell more methods apart than colours do."""

LineStyle = str | tuple[int, tuple[int, ...]]


def draw_band(
    panel: Axes,
    points: Sequence[Point],
    colour: str,
    label: str = "",
    scale: float = 1.0,
    style: LineStyle = "-",
) -> None:
    """Draw mean and band of one method.

    Args:
        panel: where to draw.
        points: mean and band by epoch, counted from 1.
        colour: of line and band.
        label: in the legend; none if empty.
        scale: what values are multiplied with.
        style: of the line.
    """
    epochs = [point.epoch for point in points]
    low, high = [scale * p.low for p in points], [scale * p.high for p in points]
    panel.fill_between(epochs, low, high, color=colour, alpha=0.15, lw=0)
    means = [scale * p.mean for p in points]
    marker = "o" if len(points) == 1 else ""  # a line of one point is invisible
    panel.plot(epochs, means, color=colour, ls=style, marker=marker, label=label or None)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
