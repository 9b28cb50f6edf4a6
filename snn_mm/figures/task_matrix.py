"""Accuracy by task after each task, drawn: what a sequence of tasks teaches and forgets."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.figures.style import COLOURS, STYLE, WIDTH
from snn_mm.metrics.continual_scores import average_accuracy, continual_scores

Matrix = NDArray[np.float64]

_DARK = 0.45
"""Accuracies below it have a dark colour and a white number."""


@mpl.rc_context(STYLE)
def draw_task_matrix(matrix: Tensor) -> Figure:
    """The matrix on the left, AA_k over tasks on the right.

    Args:
        matrix: accuracies a in [0, 1], `[k, K]`, a row for each task learned so far; what is above
            the diagonal is not drawn. Tasks are called as in `matrix.csv`, by their numbers from 0.
    """
    tasks = matrix.shape[1]
    figure = Figure(figsize=(WIDTH, 1.4 + 0.3 * max(tasks, 5)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    _draw_cells(left, _drawn(matrix))
    left.set_title("Accuracy, %", loc="left")
    learned = finished_part(matrix)
    if len(learned):
        _draw_averages(right, learned)
        figure.legend(loc="outside lower right", ncols=2)  # accuracies reach every corner inside
    right.set(
        xlabel="number of tasks learned",
        ylabel="accuracy, %",
        xlim=(0.7, tasks + 0.3),
        ylim=(0, 102),
    )
    right.set_xticks(range(1, tasks + 1, math.ceil(tasks / 10)))
    return figure


def finished_part(matrix: Tensor) -> Tensor:
    """Rows and columns of the tasks that were learned and tested, `[k', k']` of `[k, K]`."""
    complete = [bool(row[: k + 1].isfinite().all()) for k, row in enumerate(matrix)]
    count = complete.index(False) if False in complete else len(complete)
    return matrix[:count, :count]


def _drawn(matrix: Tensor) -> Matrix:
    """The lower triangle of all tasks `[K, K]`, NaN above it and in rows yet to come."""
    rows, tasks = matrix.shape
    values = np.full((tasks, tasks), np.nan)
    values[:rows] = matrix.detach().cpu().double().numpy()
    below: NDArray[np.bool_] = np.tri(tasks, dtype=bool)
    return np.where(below, values, np.nan)


def _draw_cells(panel: Axes, values: Matrix) -> None:
    """A heat map with its numbers; the scale is 0 to 1 in every figure."""
    colours = mpl.colormaps["viridis"].with_extremes(bad="white")
    panel.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    tasks = range(len(values))
    size = 7 if len(values) <= 10 else 5
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if value < _DARK else "black"
            text = f"{100 * value:.1f}"
            panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    panel.set_xticks(tasks, map(str, tasks))
    panel.set_yticks(tasks, map(str, tasks))
    panel.tick_params(length=0)
    panel.set(xlabel="tested on task", ylabel="after task")
    for spine in panel.spines.values():
        spine.set_visible(False)


def _draw_averages(panel: Axes, matrix: Tensor) -> None:
    """AA_k, and the accuracy on each task when it was just learned."""
    places = range(1, len(matrix) + 1)
    averages = 100 * average_accuracy(matrix).cpu()
    fresh = 100 * matrix.diagonal().cpu()
    panel.plot(places, averages, "o-", ms=3.5, color=COLOURS[0], label="$AA_k$, all tasks so far")
    panel.plot(places, fresh, "s--", ms=3, color=COLOURS[1], label="the task just learned")
    scores = {name: 100 * float(value) for name, value in continual_scores(matrix).items()}
    panel.set_title(_headline(scores), loc="left")


def _headline(scores: dict[str, float]) -> str:
    """AIA and, from the second task on, AFR, in percent."""
    text = f"AIA {scores['average_incremental_accuracy']:.1f} %"
    forgotten = scores["average_forgetting"]
    return text if math.isnan(forgotten) else f"{text}, AFR {forgotten:.1f} points"
