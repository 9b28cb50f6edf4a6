"""What the neurons of a run did over training, as figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from snn_mm.figures.style import STYLE, panel_list, panels, shades

Row = Mapping[str, str]
Numbers = NDArray[Any]

SHARES = {"rate": "firing rate", "silent": "silent neurons", "saturated": "saturated neurons"}
MANY_LAYERS = 8
MOST_PANELS = 3
"""In a line, beside the names of the layers."""
SMALLEST_TOP = 0.05
"""A share that stays below is not blown up to the height of the panel."""


@mpl.rc_context(STYLE)
def draw_spikes(rows: Iterable[Row]) -> Figure:
    """Firing rate, silent and saturated neurons of every layer over the epochs.

    One row of panels for each modality; lines get lighter from the first layer to the last, and
    diamonds are the test. Epochs count from 1.

    Args:
        rows: as `spikes.csv` has them.
    """
    layers: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        layers.setdefault(row["modality"], {}).setdefault(row["layer"], []).append(row)
    height = 0.5 + 1.5 * len(layers)
    figure, grid = panels(len(layers), len(SHARES), height, share_y="col")
    for (modality, by_layer), line in zip(layers.items(), grid):
        for panel, share in zip(line, SHARES):
            for colour, own in zip(shades(len(by_layer)), by_layer.values()):
                _draw_share(panel, own, share, colour)
        line[0].set_ylabel(modality)
        _name_layers(line[-1], by_layer)
    for column, (share, title) in enumerate(SHARES.items()):
        grid[0][column].set_title(title)
        grid[-1][column].set_xlabel("epoch")
        grid[-1][column].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        _limit(grid[0][column], in_percent=share != "rate")
    return figure


@mpl.rc_context(STYLE)
def draw_membranes(edges: Numbers, histograms: Mapping[str, Numbers]) -> Figure:
    """Membrane potential after the last time step: a ridge for each layer, a panel a modality.

    The dashed line is the first recorded epoch, the filled one the last. The tallest bin, where the
    neurons lie that have just fired, is cut and its share written beside it.

    Args:
        edges: `[B + 1]`, in units of the firing threshold.
        histograms: `epoch`, `stage`, `modality`, `layer` `[R]` and `counts` `[R, B + 2]`.
    """
    chosen = histograms["stage"] == "val"
    chosen = chosen if chosen.any() else np.ones_like(chosen)
    own = {key: values[chosen] for key, values in histograms.items()}
    modalities = list(dict.fromkeys(own["modality"].tolist()))
    ridges = {
        name: list(dict.fromkeys(own["layer"][own["modality"] == name].tolist()))
        for name in modalities
    }
    height = 0.35 * max(len(layers) for layers in ridges.values())
    figure, axes = panel_list(len(modalities), MOST_PANELS, height, 0.9)
    for panel, (name, layers) in zip(axes, ridges.items()):
        for place, (layer, colour) in enumerate(zip(layers, shades(len(layers)))):
            counts = own["counts"][(own["modality"] == name) & (own["layer"] == layer)]
            _draw_ridge(panel, edges, counts, -place, colour)
        panel.set_yticks([-place for place in range(len(layers))], layers)
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        panel.set(title=name, xlabel="membrane / threshold", xlim=(edges[0], edges[-1]))
    _name_epochs(figure, own["epoch"])
    return figure


def _draw_share(panel: Axes, rows: Sequence[Row], share: str, colour: Any) -> None:
    for stage, marker, line in (("val", ".", "-"), ("test", "D", "")):
        own = [row for row in rows if row["stage"] == stage]
        x, y = [int(row["epoch"]) + 1 for row in own], [float(row[share]) for row in own]
        size = 3 if stage == "test" or len(own) <= 30 else 0
        panel.plot(x, y, color=colour, marker=marker, ls=line, ms=size)


def _limit(panel: Axes, in_percent: bool) -> None:
    """From a little below 0, so that a line at 0 is seen."""
    top = max(SMALLEST_TOP, panel.dataLim.y1, panel.get_ylim()[1])
    panel.set_ylim(-0.03 * top, top)
    if in_percent:
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))


def _name_layers(panel: Axes, layers: Mapping[str, Sequence[Row]]) -> None:
    """The names of the layers beside a panel; only the first and last if there are many."""
    names, colours = list(layers), shades(len(layers))
    places = [0, len(names) - 1] if len(names) > MANY_LAYERS else range(len(names))
    lines = [Line2D([], [], color=colours[place], label=names[place]) for place in places]
    if any(row["stage"] == "test" for rows in layers.values() for row in rows):
        lines.append(Line2D([], [], color="0.3", marker="D", ms=3, ls="", label="test"))
    panel.legend(handles=lines, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _draw_ridge(panel: Axes, edges: Numbers, counts: Numbers, base: int, colour: Any) -> None:
    """First and last of the histograms `[R, B + 2]`, each with its tallest bin cut."""
    for row, is_last in ((counts[0], False), (counts[-1], True)):
        inner = row[1:-1]
        cut = max(1.0, 1.4 * float(np.sort(inner)[-2]))
        heights = np.minimum(inner / cut, 1.0) * 0.85 + base
        if is_last:
            panel.stairs(heights, edges, baseline=base, fill=True, color=colour, alpha=0.55)
            panel.stairs(heights, edges, baseline=base, color=colour, lw=0.9)
            if inner.max() > cut:
                share = inner.max() / row.sum()
                panel.text(
                    edges[inner.argmax()] - 0.03, base + 0.6, f"{share:.0%}", ha="right", fontsize=6
                )
        elif len(counts) > 1:
            panel.stairs(heights, edges, baseline=None, color="0.2", lw=0.7, ls=(0, (3, 2)))


def _name_epochs(figure: Figure, epochs: Numbers) -> None:
    first, last = epochs.min() + 1, epochs.max() + 1  # counted from 1
    if first < last:
        dashed = Line2D([], [], color="0.2", ls=(0, (3, 2)), lw=0.7, label=f"epoch {first}")
        solid = Line2D([], [], color="0.2", label=f"epoch {last}")
        figure.legend(handles=[dashed, solid], loc="outside upper right", ncols=2)
