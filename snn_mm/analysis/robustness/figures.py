"""What a study of robustness found, drawn: curves, absence, contributions."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure

from snn_mm.analysis.bands import LINES, draw_band
from snn_mm.analysis.bars import draw_bars
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.statistics import MeanDeviation, summarise
from snn_mm.analysis.robustness.study import Corrupted, Study, curves, modalities, steps
from snn_mm.figures.style import COLOURS, STYLE, panel_list, panels, share_range

PANELS_PER_LINE = 3


def draw_all(study: Study) -> dict[str, Figure]:
    """Every figure that there is anything for, by name of its file."""
    found = {"robustness_absence": draw_absence(study)}
    if corrupted(study):
        found["robustness"] = draw_curves(study)
    if any(len(modalities(study.record(group))) > 1 for group in study.groups):
        found["robustness_contribution"] = draw_contributions(study)
    return found


@mpl.rc_context(STYLE)
def draw_curves(study: Study) -> Figure:
    """The metric by severity, a panel for each corruption, a line for each method."""
    whats = corrupted(study)
    figure, drawn = panel_list(len(whats), PANELS_PER_LINE, 1.8, extra=0.5)
    for panel, what in zip(drawn, whats):
        for place, group in enumerate(study.groups):
            turn, hue = divmod(place, len(COLOURS))
            points = curve_points(study, group, what)
            look = (COLOURS[hue], study.label(group), study.metric.scale, LINES[turn % len(LINES)])
            if points:
                draw_band(panel, points, *look)
        panel.set_title(f"{what[0]}: {what[1].replace('_', ' ')}", loc="left")
        panel.set_xlabel("severity")
        panel.set_ylabel(study.metric.short_axis)
    share_range(drawn)
    handles, labels = drawn[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


@mpl.rc_context(STYLE)
def draw_absence(study: Study) -> Figure:
    """The metric by the modalities that are present, a colour for each method."""
    figure, [[panel]] = panels(1, 1, height=2.6)
    scale = study.metric.scale
    bars: dict[str, dict[str, MeanDeviation]] = {}
    for group in study.groups:
        for condition in study.record(group):
            found = study.summary(group, condition, study.metric.name)
            if found is not None and not condition.severity:
                bars.setdefault(condition.name, {})[study.label(group)] = found.times(scale)
    draw_bars(panel, bars, colours(study))
    panel.set_ylabel(study.metric.axis)
    figure.legend(*panel.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


@mpl.rc_context(STYLE)
def draw_contributions(study: Study) -> Figure:
    """Shapley values by modality, a colour for each method."""
    figure, [[panel]] = panels(1, 1, height=2.4)
    bars: dict[str, dict[str, MeanDeviation]] = {}
    for group in study.groups:
        for modality in modalities(study.record(group)):
            found = summarise(list(study.contribution(group, modality, "shapley").values()))
            if found is not None and len(modalities(study.record(group))) > 1:
                bars.setdefault(modality, {})[study.label(group)] = found
    draw_bars(panel, bars, colours(study))
    panel.axhline(0, color="0.6", lw=0.6)
    panel.set_ylabel("Shapley value")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def corrupted(study: Study) -> list[Corrupted]:
    """What any network was corrupted with."""
    return list(dict.fromkeys(w for group in study.groups for w in curves(study.record(group))))


def curve_points(study: Study, group: Group, what: Corrupted) -> list[Point]:
    """Mean and band of one standard deviation by severity; none where a method has no curve."""
    points = []
    for condition in steps(study.record(group), what):
        found = study.summary(group, condition, study.metric.name)
        if found is None:
            return []
        low, high = found.mean - found.spread, found.mean + found.spread
        points.append(Point(condition.severity, found.mean, low, high))
    return points


def colours(study: Study) -> dict[str, str]:
    """A colour for each method."""
    labels = [study.label(group) for group in study.groups]
    return {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}
