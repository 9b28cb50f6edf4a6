"""Attention over time steps and epochs, as heat maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from snn_mm.contracts import FUSED
from snn_mm.figures.style import STYLE, panels

Numbers = NDArray[Any]

MIN_SPAN = 0.01
"""Least distance from 1/T that has full colour: equal scores must not look like structure."""


@mpl.rc_context(STYLE)
def draw_attention(rows: Iterable[Mapping[str, str]]) -> Figure:
    """Mean attention scores, epochs (from 1) by time steps (from 1), one panel for each output.

    All panels share one scale around 1/T, the score of a time step that matters as much as any
    other, which is white.

    Args:
        rows: `epoch`, `output`, `time_step` and `score`, as `attention.csv` has them, with at
            least one of them.
    """
    found = {(r["output"], int(r["epoch"]), int(r["time_step"])): float(r["score"]) for r in rows}
    outputs, epochs, steps = (sorted(set(axis)) for axis in zip(*found))
    maps = {
        output: np.array([[found.get((output, e, t), np.nan) for e in epochs] for t in steps])
        for output in sorted(outputs, key=lambda name: (name == FUSED, name))
    }
    centre = 1.0 / len(steps)
    span = max(MIN_SPAN, max(float(np.nanmax(abs(scores - centre))) for scores in maps.values()))
    low, high = max(0.0, centre - span), centre + span
    scale = TwoSlopeNorm(centre, low, high)
    height = 0.7 + (0.5 + 0.14 * len(steps)) * len(maps)
    figure, grid = panels(len(maps), 1, height=height)
    for (output, scores), (panel,) in zip(maps.items(), grid):
        mesh = _draw_map(panel, np.array(epochs) + 1, scores, scale)
        panel.set_title(output, loc="left")
    grid[-1][0].set_xlabel("epoch")
    bar = figure.colorbar(mesh, ax=[line[0] for line in grid], aspect=30)
    ticks = [low, (low + centre) / 2, centre, (centre + high) / 2, high]
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    bar.set_label("mean attention score (white: 1/T)")
    return figure


def _draw_map(panel: Axes, epochs: Numbers, scores: Numbers, scale: Normalize) -> QuadMesh:
    """One heat map of scores `[T, E]`."""
    steps = np.arange(1, len(scores) + 1)
    mesh = panel.pcolormesh(edges(epochs), edges(steps), scores, cmap="PuOr_r", norm=scale)
    panel.set_ylabel("time step")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    return mesh


def edges(centres: Numbers) -> Numbers:
    """Where cells begin and end, `[S + 1]`: midway between ascending centres `[S]`.

    Example:
        >>> edges(np.array([1, 2, 4])).tolist()
        [0.5, 1.5, 3.0, 5.0]
    """
    gaps = np.diff(centres) if len(centres) > 1 else np.ones(1)
    inner = centres[:-1] + gaps[: len(centres) - 1] / 2
    edge: Numbers = np.concatenate(
        [[centres[0] - gaps[0] / 2], inner, [centres[-1] + gaps[-1] / 2]]
    )
    return edge
