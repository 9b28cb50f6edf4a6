"""Accuracy and loss of each modality and of the fusion over epochs (TAAF Fig. 2)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snn_mm.analysis.bands import draw_band
from snn_mm.analysis.report.config_facts import CALLBACKS, Facts
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.figures.style import COLOURS, STYLE, panels, share_range

FUSED_COLOUR = "#000000"
LOSS = "train/loss/"
MOST_COLUMNS = 3

Curves = dict[str, list[Point]]
"""Points by modality, the fusion last; epochs counted from 1."""


def curves_of(group: Group, prefix: str) -> Curves:
    """Mean and band over seeds of every metric with a prefix, such as `val/accuracy/`."""
    names = [name.removeprefix(prefix) for name in group.logged if name.startswith(prefix)]
    outputs = sorted(names, key=lambda name: (name == FUSED, name))
    return {output: group.curve(f"{prefix}{output}") for output in outputs}


def check_logged(groups: Sequence[Group], prefix: str) -> None:
    """Refuse runs that logged nothing under a prefix.

    Raises:
        UserError: names the first.
    """
    for group in groups:
        if not curves_of(group, prefix):
            raise UserError(
                f"{group.counted[0].path}: metrics.csv has no {prefix}*; train it again"
            )


def modulation_ends(facts: Facts) -> dict[str, int]:
    """Last epoch (from 1) of each modulation that has one, by the name of its class."""
    suffix = ".end_epoch"
    return {
        key.removeprefix(CALLBACKS).removesuffix(suffix): int(value) + 1
        for key, value in facts.items()
        if key.startswith(CALLBACKS) and key.endswith(suffix) and value is not None
    }


def training_table(groups: Sequence[Group], prefix: str) -> Table:
    """Where accuracy and loss of every output begin and end, means over seeds."""
    rows = []
    for group in groups:
        losses = curves_of(group, LOSS)
        for output, points in curves_of(group, prefix).items():
            best = max(points, key=lambda point: point.mean)
            accuracy = [f"{100 * p.mean:.2f}" for p in (points[0], best, points[-1])]
            loss = losses.get(output)
            ends = [f"{p.mean:.4f}" for p in (loss[0], loss[-1])] if loss else [NOTHING] * 2
            rows.append([group.method, output, *accuracy, str(best.epoch), *ends])
    heads = ["Method", "output", "first %", "best %", "last %", "best epoch"]
    caption = f"{prefix}* in percent and {LOSS}* by epoch, means over seeds."
    return Table("training", caption, [*heads, "first loss", "last loss"], rows)


def curves_table(groups: Sequence[Group], prefix: str) -> Table:
    """Every point of the figure, to draw it anew."""
    rows = [
        [group.method, f"{start}{output}", *(f"{number:.6g}" for number in point)]
        for group in groups
        for start in (prefix, LOSS)
        for output, points in curves_of(group, start).items()
        for point in points
    ]
    caption = "Means and bands of one standard deviation over seeds."
    return Table(
        "curves", caption, ["Method", "metric", "epoch", "mean", "low", "high"], rows, folded=True
    )


@mpl.rc_context(STYLE)
def draw_training(groups: Sequence[Group], prefix: str) -> Figure:
    """Draw accuracy above loss, a column for each method; a dashed line where modulation ends.

    All accuracies have one scale, and so have all losses.
    """
    columns = min(len(groups), MOST_COLUMNS)
    blocks = -(-len(groups) // columns)
    figure, grid = panels(2 * blocks, columns, height=4.2 * blocks)
    letters = 84 // columns  # what fits above a panel
    for place, group in enumerate(groups):
        block, column = divmod(place, columns)
        top, bottom = grid[2 * block][column], grid[2 * block + 1][column]
        _draw_curves(top, curves_of(group, prefix), 100.0)
        _draw_curves(bottom, curves_of(group, LOSS), 1.0)
        top.set_title(textwrap.fill(group.method, letters))
        bottom.set_xlabel("epoch")
        bottom.tick_params(labelbottom=True)
        _mark_ends(top, bottom, group)
        if column == 0:
            top.set_ylabel(Metric(prefix.rstrip("/")).axis)
            bottom.set_ylabel(title_of(LOSS))
    drawn = [
        grid[2 * (i // columns) + row][i % columns] for row in (0, 1) for i in range(len(groups))
    ]
    share_range(drawn[: len(groups)])
    share_range(drawn[len(groups) :])
    grid[0][0].legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    for panel in _unused(grid, len(groups), columns):
        panel.remove()
    return figure


def _draw_curves(panel: Axes, curves: Curves, scale: float) -> None:
    modalities = [output for output in curves if output != FUSED]
    colours = {name: COLOURS[i % (len(COLOURS) - 1)] for i, name in enumerate(modalities)}
    for output, points in curves.items():
        draw_band(panel, points, colours.get(output, FUSED_COLOUR), label=output, scale=scale)


def _mark_ends(top: Axes, bottom: Axes, group: Group) -> None:
    """A line between the last modulated epoch and the next, if there is a next."""
    last = max(point.epoch for points in curves_of(group, LOSS).values() for point in points)
    for name, epoch in modulation_ends(group.facts).items():
        if epoch >= last:
            continue
        for panel in (top, bottom):
            panel.axvline(epoch + 0.5, color="0.4", lw=0.8, ls="--", zorder=0)
        bottom.annotate(
            f"{name} ends", (epoch + 0.5, 1.0), (3, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top", fontsize=7, color="0.3",
        )  # fmt: skip


def _unused(grid: list[list[Axes]], used: int, columns: int) -> Iterator[Axes]:
    for row, line in enumerate(grid):
        for column, panel in enumerate(line):
            if row // 2 * columns + column >= used:
                yield panel
