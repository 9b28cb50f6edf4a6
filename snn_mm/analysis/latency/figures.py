"""What a study of latency found, drawn: accuracy by T, early exit, and by energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from snn_mm.analysis.bands import LINES
from snn_mm.analysis.latency.study import ACCURACY, ENERGY, LatencyStudy
from snn_mm.analysis.latency.trials import Trial
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.statistics import MeanDeviation, summarise
from snn_mm.figures.style import COLOURS, STYLE, panel_list, panels, write_out

MARKS = {"trained": "o", "int8": "s", "converted": "^"}
PANELS_PER_LINE = 3
HALF = 50
"""Letters of a name that fit into half of a figure's width."""
Spot = tuple[MeanDeviation, MeanDeviation]
"""Where a mean lies, across and up."""


def draw_all(study: LatencyStudy) -> dict[str, Figure]:
    """Every figure that there is anything for, by name of its file."""
    found = {"latency_energy": draw_energy(study)}
    if any(len(asked(study, group, "trained")) > 1 for group in study.groups):
        found["latency"] = draw_steps(study)
    if any(any(study.exits(group)) for group in study.groups):
        found["latency_exit"] = draw_exits(study)
    return found


def asked(study: LatencyStudy, group: Group, kind: str) -> list[Trial]:
    """Trials of a form, by T."""
    return [trial for trial in study.trials(group) if trial.kind == kind]


@mpl.rc_context(STYLE)
def draw_steps(study: LatencyStudy) -> Figure:
    """Accuracy by T at test, a panel for each head, a line for each method."""
    heads = heads_of(study)
    figure, drawn = panel_list(len(heads), PANELS_PER_LINE, 1.8, extra=0.5)
    for panel, head in zip(drawn, heads):
        for look, group in looks(study):
            trials = asked(study, group, "trained")
            found = [study.summary(group, trial, head) for trial in trials]
            points = [(t.steps, each) for t, each in zip(trials, found) if each is not None]
            draw_line(panel, [(float(t), 100 * each.mean) for t, each in points], look)
            low, high = ([100 * (e.mean + s * e.spread) for _, e in points] for s in (-1, 1))
            panel.fill_between([t for t, _ in points], low, high, color=look[0], alpha=0.15, lw=0)
            panel.axvline(study.steps(group), color="0.8", lw=0.6, zorder=0)
        panel.set_title(head.split("/")[1], loc="left")
        panel.set_xlabel("time steps at test")
        panel.set_ylabel("accuracy, %")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_lines(figure, drawn[0])
    return figure


@mpl.rc_context(STYLE)
def draw_exits(study: LatencyStudy) -> Figure:
    """Accuracy by the mean number of steps and by energy, a point for each threshold."""
    figure, [drawn] = panels(1, 2, height=2.4)
    for look, group in looks(study):
        points = list(zip(*study.exits(group)))
        for panel, name in zip(drawn, ("steps", "cost")):
            spots = [tuple(mean(seeds, key) for key in (name, "accuracy")) for seeds in points]
            draw_line(panel, [(x, 100 * y) for x, y in spots], look)
    for panel, label in zip(drawn, ("mean time steps", "energy of an inference, µJ")):
        panel.set_xlabel(label)
        panel.set_ylabel("accuracy, fused, %")
    name_lines(figure, drawn[0])
    return figure


@mpl.rc_context(STYLE)
def draw_energy(study: LatencyStudy) -> Figure:
    """Accuracy by energy: a colour for each method, a mark for each form of its network."""
    figure, [[panel]] = panels(1, 1, height=3.0)
    for (colour, label, _), group in looks(study):
        for kind, mark in MARKS.items():
            spots = list(spots_of(study, group, asked(study, group, kind)))
            across, up = ([spot[place].mean for spot in spots] for place in (0, 1))
            apart = [spot[1].spread for spot in spots]
            style: Any = {"color": colour, "marker": mark, "ms": 4, "lw": 0.7, "elinewidth": 0.5}
            if spots:
                panel.errorbar(across, up, apart, label=f"{label}: {kind}", **style)
    panel.set_xscale("log")
    write_out(panel.xaxis)
    panel.set_xlabel("energy of the arithmetic of an inference, µJ")
    panel.set_ylabel("accuracy, fused, %")
    name_lines(figure, panel)
    return figure


def spots_of(study: LatencyStudy, group: Group, trials: Sequence[Trial]) -> Iterator[Spot]:
    """Energy and accuracy in percent of trials."""
    for trial in trials:
        energy, right = (study.summary(group, trial, name) for name in (ENERGY, ACCURACY))
        if energy is not None and right is not None:
            yield energy, right.times(100)


Look = tuple[str, str, Any]
"""Colour, label and style of a line."""


def looks(study: LatencyStudy) -> Iterator[tuple[Look, Group]]:
    """Every method with how it is drawn."""
    for place, group in enumerate(study.groups):
        turn, hue = divmod(place, len(COLOURS))
        yield (COLOURS[hue], study.label(group), LINES[turn % len(LINES)]), group


def draw_line(panel: Axes, points: Sequence[tuple[float, float]], look: Look) -> None:
    """A line through points; nothing of none."""
    if points:
        colour, label, style = look
        panel.plot(*zip(*points), color=colour, ls=style, marker="o", ms=2.5, label=label)


def heads_of(study: LatencyStudy) -> list[str]:
    """Accuracies of every head of any method."""
    names = dict.fromkeys(
        name
        for record in study.records.values()
        for name in next(iter(record.values())).metrics
        if name.startswith("accuracy/")
    )
    return list(names)


def mean(points: Sequence[object], name: str) -> float:
    """The mean of an attribute over seeds."""
    found = summarise([getattr(point, name) for point in points])
    return float("nan") if found is None else found.mean


def name_lines(figure: Figure, panel: Axes) -> None:
    """A legend above all panels."""
    handles, labels = panel.get_legend_handles_labels()
    columns = 2 if max(map(len, labels), default=0) <= HALF else 1
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)
