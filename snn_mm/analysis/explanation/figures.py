"""Pictures of an explanation, each narrow enough for a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.analysis.explanation.activity import UNITS
from snn_mm.analysis.sentiment.clip_figures import even_scale
from snn_mm.figures.style import COLOURS, STYLE, shades

SHARP: Any = {"aspect": "auto", "interpolation": "nearest"}
NARROW = 4.2
"""Inches: what a phone shows without shrinking letters out of sight."""
LONG = 32
"""Letters of a layer's name that fit above a panel; in a legend of two columns 28."""
SHOWN_FRAMES = 8
STRONG = 0.995
"""Share of the attributions that get a colour of their own; one outlier must not pale all."""
SOUNDS = ("audio", "sound", "speech", "acoustic")
"""Modalities whose pictures are spectrograms: time runs from left to right."""

Numbers = NDArray[Any]


def png(figure: Figure) -> bytes:
    """A figure as a file."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=130)
    return drawn.getvalue()


def image(text: str, file: bytes) -> str:
    """A picture within a page."""
    data = base64.b64encode(file).decode()
    return f'<img class="chart" alt="{escape(text)}" src="data:image/png;base64,{data}">'


def rows_of(
    count: int, height: float, share_x: bool = False, legend: int = 0
) -> tuple[Figure, list[Axes]]:
    """Panels below each other, each so many inches high, above a legend of so many lines."""
    tall = 0.45 + height * count + 0.17 * legend
    figure = Figure(figsize=(NARROW, tall), layout="constrained")
    grid = figure.subplots(count, 1, squeeze=False, sharex=share_x)
    return figure, [line[0] for line in grid]


@mpl.rc_context(STYLE)
def draw_inputs(
    inputs: Mapping[str, Tensor],
    attributed: Mapping[str, Tensor] | None = None,
    step_seconds: Mapping[str, float] | None = None,
) -> Figure:
    """Every input `[1, ...]` from the beginning of the clip to its end, or a still picture.

    Args:
        inputs: by modality.
        attributed: draw these instead, of the shape of the inputs, red for and blue against.
        step_seconds: from one step or column of an input to the next; those of which it is not
            known run from 0 to 1.
    """
    step_seconds = step_seconds or {}
    shown = inputs if attributed is None else attributed
    figure, axes = rows_of(len(shown), 1.25)
    for (name, x), panel in zip(shown.items(), axes):
        picture, steps = picture_of(name, x[0].float().cpu().numpy(), attributed is None)
        length = steps * step_seconds[name] if name in step_seconds else 1.0
        extent = (0.0, length, 0.0, 1.0) if steps else None
        is_flat = bool(steps) or len(picture) == 1  # a vector would be a hair
        options: dict[str, Any] = {"aspect": "auto" if is_flat else "equal", "extent": extent}
        if attributed is not None:
            limit = float(np.quantile(abs(picture), STRONG)) or float(abs(picture).max()) or 1.0
            options |= {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        elif picture.ndim == 2:
            options |= {"cmap": "magma"}
        panel.imshow(picture, interpolation="nearest", **options)
        panel.set_yticks([])
        panel.set_title(name if steps else f"{name} (no time axis)", loc="left")
        panel.xaxis.set_visible(bool(steps))
        panel.set_xlabel("seconds" if name in step_seconds else "share of the clip")
    timed = [panel for panel in axes if panel.xaxis.get_visible()]
    for panel, below in pairwise(timed):
        if panel.get_xlabel() == below.get_xlabel():
            panel.set_xlabel("")
    return figure


def picture_of(name: str, x: Numbers, as_seen: bool = True) -> tuple[Numbers, int]:
    """What to draw of one input, and how many steps run from left to right in it; 0 is no time.

    Args:
        name: of the modality.
        x: `[L, D]`, `[C, H, W]` or `[L, C, H, W]`.
        as_seen: in colours if there are three channels; else channels are added up.
    """
    if x.ndim < 2:
        return x.reshape(1, -1), 0
    if x.ndim == 2:
        return x.T, len(x)  # [D, L]
    if x.ndim == 3:
        is_sound = any(word in name.lower() for word in SOUNDS)
        flat = _flat(x, as_seen)
        return (flat[::-1] if is_sound else flat), flat.shape[1] if is_sound else 0
    if x.ndim != 4:
        return x.reshape(len(x), -1).T, len(x)
    places = np.linspace(0, len(x) - 1, min(SHOWN_FRAMES, len(x))).round().astype(int)
    return np.concatenate([_flat(x[place], as_seen) for place in places], axis=1), len(x)


def _flat(x: Numbers, as_seen: bool) -> Numbers:
    """One picture `[H, W]` or `[H, W, 3]` in [0, 1] of `[C, H, W]`."""
    if as_seen and len(x) == 3:
        low, high = x.min(), x.max()
        return np.asarray((x.transpose(1, 2, 0) - low) / max(high - low, 1e-9))
    return np.asarray(x.sum(axis=0))


@mpl.rc_context(STYLE)
def draw_lines(
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    label: str,
    axis: str = "time step",
    x: Sequence[float] | None = None,
) -> Figure:
    """Curves over time steps (from 1): a panel for each kind, a colour for each name.

    Args:
        lines: values by name, by kind.
        label: what they are.
        axis: what they run over.
        x: where each value stands; time steps if None.
    """
    names = list(dict.fromkeys(name for each in lines.values() for name in each))
    columns = 2 if max(map(len, names)) <= 28 else 1
    figure, axes = rows_of(len(lines), 1.5, share_x=True, legend=-(-len(names) // columns))
    colours = COLOURS if len(names) <= len(COLOURS) else shades(len(names))
    for (kind, by_name), panel in zip(lines.items(), axes):
        for name, values in by_name.items():
            places = np.arange(1, len(values) + 1) if x is None else x[: len(values)]
            colour = colours[names.index(name)]
            marker = "." if len(values) <= 20 else ""
            panel.plot(places, values, color=colour, marker=marker, label=name)
        panel.set_title(kind, loc="left")
        panel.set_ylabel(label)
        if x is None:
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlabel(axis)
    handles = {line.get_label(): line for panel in axes for line in panel.get_lines()}
    figure.legend(list(handles.values()), names, loc="outside lower left", ncols=columns)
    return figure


@mpl.rc_context(STYLE)
def draw_rasters(spikes: Mapping[str, Tensor]) -> Figure:
    """A mark for each spike of some neurons of each layer, evenly chosen of those that fire.

    Args:
        spikes: `[T, U]` by layer, at least one.
    """
    figure, axes = rows_of(len(spikes), 0.85)
    for (name, fired), panel, colour in zip(spikes.items(), axes, shades(len(spikes))):
        values = (fired != 0).float()
        firing = np.flatnonzero(values.any(dim=0).numpy())
        places = np.linspace(0, len(firing) - 1, min(UNITS, len(firing))).round().astype(int)
        raster = values.numpy()[:, firing[places]].T  # [u, T]
        extent = (0.5, len(values) + 0.5, 0.0, 1.0)
        shade = LinearSegmentedColormap.from_list(name, ["white", colour])
        if raster.size:
            panel.imshow(raster, cmap=shade, vmin=0, vmax=1, extent=extent, **SHARP)
        panel.set_yticks([])
        short = name if len(name) <= LONG else f"…{name[1 - LONG :]}"
        panel.set_title(f"{short}: {values.mean():.1%} of {fired.shape[1]} neurons", loc="left")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    lengths = [len(fired) for fired in spikes.values()]
    for panel, own, below in zip(axes, lengths, lengths[1:]):
        panel.xaxis.set_visible(own != below)  # one axis for all that share it
    axes[-1].set_xlabel("time step")
    return figure


@mpl.rc_context(STYLE)
def draw_shares(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Bars on top of each other at each time step (from 1), a colour for each part."""
    figure, (panel,) = rows_of(1, 1.9)
    base = np.zeros(max(len(each) for each in values.values()))
    for (name, each), colour in zip(values.items(), COLOURS * 2):
        panel.bar(np.arange(1, len(each) + 1), each, bottom=base, color=colour, label=name)
        base = base + np.asarray(each)
    panel.set(xlabel="time step", ylabel=label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


@mpl.rc_context(STYLE)
def draw_signed(values: Mapping[str, float], label: str) -> Figure:
    """A bar for each modality, from 0."""
    figure, (panel,) = rows_of(1, 0.35 + 0.25 * len(values))
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values.values()]
    panel.barh(list(values), list(values.values()), color=colours)
    panel.axvline(0.0, color="0.3", lw=0.6)
    panel.invert_yaxis()
    panel.set_xlabel(label)
    return figure


@mpl.rc_context(STYLE)
def draw_maps(maps: Mapping[str, Numbers]) -> Figure:
    """Attention `[T, S]` of each part in multiples of 1 / S, all on one scale; white is even."""
    figure, axes = rows_of(len(maps), 1.6)
    scale = even_scale(list(maps.values()))
    for (name, values), panel in zip(maps.items(), axes):
        steps, keys = values.shape
        extent = (0.5, keys + 0.5, steps + 0.5, 0.5)
        drawn = panel.imshow(values, cmap="PuOr_r", norm=scale, extent=extent, **SHARP)
        panel.set_title(name, loc="left")
        panel.set_ylabel("step")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes[-1].set_xlabel("attended step")
    bar = figure.colorbar(drawn, ax=axes, location="bottom", aspect=40)
    bar.set_label("attention · steps (white: even)")
    return figure
