"""What all figures share: size, colours, a grid of panels, and how a file is written.

Figures use no `pyplot` and change no global setting, so they work in any process and leave a user's
own figures alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

from snn_mm.run.replace import replacing

WIDTH = 7.0
"""Inches: the text width of a paper."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

STYLE: Any = {  # Matplotlib types the keys as a literal of all settings
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.handlelength": 1.2,
}
"""Settings of a drawing function: `@mpl.rc_context(STYLE)`."""


def panels(
    rows: int, columns: int, height: float, share_y: Literal["none", "col"] = "none"
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of panels, `height` inches in all."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid = figure.subplots(rows, columns, sharex="col", sharey=share_y, squeeze=False)
    return figure, [list(line) for line in grid]


def panel_list(
    count: int, most: int, line_height: float, extra: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """So many panels, line by line.

    Args:
        count: of the panels.
        most: panels in a line.
        line_height: inches of a line.
        extra: inches above and below all lines.
    """
    columns = min(count, most)
    lines = -(-count // columns)
    figure, grid = panels(lines, columns, extra + line_height * lines)
    flat = [panel for line in grid for panel in line]
    for panel in flat[count:]:
        panel.remove()
    return figure, flat[:count]


def share_range(drawn: Sequence[Axes]) -> None:
    """Give panels that show one quantity the range that holds what is in any of them."""
    limits = [(*panel.get_xlim(), *panel.get_ylim()) for panel in drawn]
    left, right, low, high = zip(*limits)
    for panel in drawn:
        panel.set(xlim=(min(left), max(right)), ylim=(min(low), max(high)))


def write_out(axis: Axis) -> None:
    """Have a logarithmic axis say 0.5, not 5 times a power of ten."""
    axis.set_major_formatter(WrittenOut())
    axis.set_minor_formatter(WrittenOut())


class WrittenOut(LogFormatterSciNotation):
    """Numbers of a logarithmic axis without powers of ten, where Matplotlib shows one at all."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """What a tick says."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def shades(count: int) -> list[Any]:
    """Colours from the first layer (dark) to the last (light), without the palest yellow."""
    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.85, max(count, 1))))


def save_figure(figure: Figure, path: Path) -> None:
    """Replace a PNG file in one step."""
    drawn = io.BytesIO()  # written by Pillow itself, an error of the disk would lose its name
    figure.savefig(drawn, format="png", dpi=200)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(drawn.getvalue())
