"""Attention and firing over one clip, a line for each part of the network."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from snn_mm.analysis.sentiment.clip_record import LayerRecord, PartRecord
from snn_mm.errors import UserError
from snn_mm.figures.style import STYLE, WIDTH, shades

PART_HEIGHT = 1.75
MARK = (1.2, 3.0)
"""Least and largest size of a spike in points."""
MIN_CONTRAST = 0.1
"""Least distance from even attention that has full colour: even must not look like structure."""


def attention_map(
    record: PartRecord, layer: int | None, head: int | None
) -> tuple[NDArray[np.float64], str]:
    """Attention `[T, S]` in multiples of 1/S, and what it is of.

    Args:
        record: of one part.
        layer: counted from 1; the last if None.
        head: counted from 1; the mean of all if None.

    Raises:
        UserError: there is no such layer or head.
    """
    place = len(record.layers) if layer is None else layer
    if not 1 <= place <= len(record.layers):
        raise UserError(f"--layer {layer}: {record.name} has layers 1 to {len(record.layers)}")
    attention = record.layers[place - 1].attention.double()  # [H, T, S]
    if head is not None and not 1 <= head <= len(attention):
        raise UserError(f"--head {head}: {record.name} has heads 1 to {len(attention)}")
    chosen = attention.mean(dim=0) if head is None else attention[head - 1]  # [T, S]
    which = "mean of heads" if head is None else f"head {head}"
    return (chosen * chosen.shape[1]).numpy(), f"layer {place}, {which}"


@mpl.rc_context(STYLE)
def draw_clip(
    clip: str, records: Sequence[PartRecord], layer: int | None = None, head: int | None = None
) -> Figure:
    """Draw attention, spikes and firing rates of each part; of an ANN attention alone.

    Args:
        clip: its id.
        records: of each part.
        layer: whose attention, counted from 1; the last if None.
        head: whose attention, counted from 1; the mean of all if None.
    """
    maps = [attention_map(record, layer, head) for record in records]
    spiking = any(layer.spikes for record in records for layer in record.layers)
    figure, attention_panels = _layout(len(records), spiking)
    scale = even_scale([values for values, _ in maps])
    for record, (values, title), line in zip(records, maps, attention_panels):
        image = _draw_attention(line[0], values, scale)
        line[0].set_title(f"{record.name}: {title}", loc="left")
        if spiking:
            _draw_raster(line[1], record)
            _draw_rates(line[2], record)
    for panel, label in zip(attention_panels[-1], ("attended step", "step", "step")):
        panel.set_xlabel(label)
    if spiking:
        top = max(line[2].get_ylim()[1] for line in attention_panels)
        for line in attention_panels:
            line[2].set_ylim(0, top)  # rates of all parts on one scale
    shown = [line[0] for line in attention_panels]
    place = {"location": "bottom", "aspect": 40} if spiking else {"aspect": 20}
    bar = figure.colorbar(image, ax=shown, **place)
    bar.set_label("attention · steps (white: even)")
    figure.suptitle(clip, x=0.01, ha="left", fontsize=9)
    return figure


def _layout(parts: int, spiking: bool) -> tuple[Figure, list[list[Axes]]]:
    """Three panels a part, or one beside the other where nothing spikes."""
    if not spiking:
        columns = min(parts, 4)
        lines = -(-parts // columns)
        figure = Figure(figsize=(WIDTH, 0.6 + PART_HEIGHT * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel in axes[parts:]:
            panel.remove()
        return figure, [[panel] for panel in axes[:parts]]
    figure = Figure(figsize=(WIDTH, 0.9 + PART_HEIGHT * parts), layout="constrained")
    grid = figure.subplots(parts, 3, squeeze=False, width_ratios=(1.0, 1.2, 1.0))
    return figure, [list(line) for line in grid]


def even_scale(maps: Sequence[NDArray[np.float64]]) -> TwoSlopeNorm:
    """One scale for all parts, white where attention is even."""
    span = max(MIN_CONTRAST, *(float(abs(values - 1.0).max()) for values in maps))
    return TwoSlopeNorm(1.0, max(0.0, 1.0 - span), 1.0 + span)


def _draw_attention(panel: Axes, values: NDArray[np.float64], scale: TwoSlopeNorm) -> AxesImage:
    """A heat map of `[T, S]`, steps counted from 1."""
    steps, keys = values.shape
    extent = (0.5, keys + 0.5, steps + 0.5, 0.5)
    image = panel.imshow(values, cmap="PuOr_r", norm=scale, extent=extent, aspect="auto")
    panel.set_ylabel("step")
    _count_steps(panel, keys, steps)
    return image


def _draw_raster(panel: Axes, record: PartRecord) -> None:
    """A mark for each spike; layers from top to bottom, each neuron a line."""
    named = neuron_layers(record)
    longest, top = max(len(spikes) for _, spikes in named), 0
    neurons = sum(spikes.shape[1] for _, spikes in named)
    size = float(np.clip(min(60 / longest, 260 / neurons), *MARK))  # marks touch, at most
    for colour, (_, spikes) in zip(shades(len(named)), named):
        step, neuron = np.nonzero(spikes)
        panel.plot(step + 1, top + neuron, ls="", marker="s", ms=size, mew=0, color=colour)
        top += spikes.shape[1]
        panel.axhline(top - 0.5, color="0.7", lw=0.4)
    panel.set(ylabel="neuron", xlim=(0.5, longest + 0.5), ylim=(top - 0.5, -0.5))
    _count_steps(panel, longest)


def _draw_rates(panel: Axes, record: PartRecord) -> None:
    """Share of neurons that fire at each step, a line for each neuron layer."""
    named = neuron_layers(record)
    for colour, (name, spikes) in zip(shades(len(named)), named):
        rate = spikes.mean(axis=1)  # [T, D] -> [T]
        marker = "." if len(rate) < 20 else ""
        label = f"{name}: {rate.mean():.3f}"
        panel.plot(np.arange(1, len(rate) + 1), rate, color=colour, marker=marker, label=label)
    panel.set_ylabel("share firing")
    panel.set_ylim(bottom=0)
    _count_steps(panel, max(len(spikes) for _, spikes in named))
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def neuron_layers(record: PartRecord) -> list[tuple[str, NDArray[np.float64]]]:
    """Name and spikes `[T, D]` of each layer of neurons, in the order in which they fire."""

    def spikes_of(place: int, layer: LayerRecord) -> list[tuple[str, NDArray[np.float64]]]:
        return [
            (f"{place} {name}", spikes.double().numpy()) for name, spikes in layer.spikes.items()
        ]

    return [found for i, layer in enumerate(record.layers, 1) for found in spikes_of(i, layer)]


def _count_steps(panel: Axes, width: int, height: int | None = None) -> None:
    """Whole numbers on axes of steps."""
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=min(width, 6)))
    if height is not None:
        panel.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=min(height, 6)))
