"""What changes over the epochs: learning curves, factors, firing rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from snn_mm.analysis.report.charts import COLOURS, FEW, Line, line_chart
from snn_mm.analysis.report.curves import Curves, Point, Series, from_one
from snn_mm.analysis.report.document import Block, Cell, Figure, Panel, Section, Table, Text
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.html import slug
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.sections.rows import method_cell
from snn_mm.analysis.report.statistics import summarise
from snn_mm.analysis.report.wording import mean_text
from snn_mm.figures.names import spoken

FUSED = "fused"
PERCENT = (0.0, 100.0)
FREE = (-math.inf, math.inf)
VALIDATION = "on the validation set"
BOTH = "solid on the validation set, dotted on the training set"


def learning_section(comparison: Comparison, metric: Metric) -> Section:
    """Validation and training curves, a chart per modality."""
    blocks: list[Block] = []
    shown = metric.by_head(comparison.all_metrics)
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        names = curve_names(groups, f"val/{shown.kind}/", f"train/{shown.kind}/")
        modalities = sorted(names, key=lambda name: (name != FUSED, name))
        panels = [learning_panel(comparison, groups, shown, dataset, m) for m in modalities]
        if not panels:
            continue
        few = len(groups) <= FEW
        what = f"{dataset}: {spoken(shown.label)}{shown.unit} over epochs"
        on = BOTH if few else VALIDATION
        caption = f"{what}, {on}; the band is one standard deviation over seeds."
        caption += left_out(comparison, dataset)
        blocks.append(Figure(caption, panels, legend(comparison, groups)))
        if not few:
            place = shown, dataset, modalities[0]
            apart = [apart_panel(comparison, groups, group, *place) for group in groups]
            others = f"all others {VALIDATION} in grey."
            blocks.append(Figure(f"{what}, a method each, {BOTH}; {others}", apart, []))
    nothing = f"No counted run logged val/{shown.kind}/*."
    return Section("Learning curves", blocks or [Text(nothing)])


def learning_panel(
    comparison: Comparison, groups: Sequence[Group], metric: Metric, dataset: str, modality: str
) -> Panel:
    """One modality."""
    stages = ("train", "val") if len(groups) <= FEW else ("val",)
    lines = [
        learning_line(comparison, group, metric, stage, modality)
        for group in groups
        for stage in stages
    ]
    name = slug(f"learning {dataset} {modality}")
    return learning_chart(name, modality, f"{modality}, {dataset}", metric, lines)


def apart_panel(
    comparison: Comparison,
    groups: Sequence[Group],
    chosen: Group,
    metric: Metric,
    dataset: str,
    modality: str,
) -> Panel:
    """One method in its colour before all others in grey."""
    lines = []
    for group in groups:
        shown = learning_line(comparison, group, metric, "val", modality)
        lines.append(replace(shown, grey=group is not chosen))
    lines.append(learning_line(comparison, chosen, metric, "train", modality))
    letter = comparison.key(chosen.method)
    name = slug(f"learning {dataset} {modality} {letter}")
    title = f"{letter}. {chosen.method}"
    return learning_chart(name, title, f"{title}, {modality}, {dataset}", metric, lines)


def learning_line(
    comparison: Comparison, group: Group, metric: Metric, stage: str, modality: str
) -> Line:
    """The curve of a method; that of the training is faint."""
    points = group.curve(named_metric(f"{stage}/{metric.kind}/{modality}"))
    return line(comparison, group, scaled(points, metric.scale), faint=stage == "train")


def learning_chart(
    name: str, heading: str, title: str, metric: Metric, lines: Sequence[Line]
) -> Panel:
    """A chart of curves of a metric."""
    unit = f"{spoken(metric.label)} [%]" if metric.is_share else spoken(metric.label)
    bounds = PERCENT if metric.is_share else FREE
    return Panel(name, heading, line_chart(name, title, unit, lines, bounds))


def factor_section(comparison: Comparison, metric: Metric) -> Section:
    """What modulations computed and trackers measured, a chart per factor."""
    blocks: list[Block] = []
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        groups = [group for group in groups if group.names(lambda c: c.factors)]
        names = sorted({n for group in groups for n in group.names(lambda c: c.factors)})
        panels = [factor_panel(comparison, groups, dataset, name) for name in names]
        if panels:
            caption = (
                f"{dataset}: mean over the steps of an epoch, the band is one standard deviation."
            )
            blocks.append(Figure(caption, panels, legend(comparison, groups)))
    nothing = (
        "No counted run logged a factor. Modulations such as IEMF log theirs; the callback "
        "FactorTracker writes factors.csv."
    )
    return Section("Factors", blocks or [Text(nothing)])


def factor_panel(
    comparison: Comparison, groups: Sequence[Group], dataset: str, factor: str
) -> Panel:
    """One factor."""
    lines = [line(comparison, g, g.curve(lambda c: c.factors.get(factor))) for g in groups]
    name = slug(f"factor {dataset} {factor}")
    title = title_of(factor)
    return Panel(name, title, line_chart(name, f"{title}, {dataset}", title, lines))


def firing_section(comparison: Comparison, metric: Metric) -> Section:
    """Firing rates: final by modality, over epochs, by layer."""
    blocks: list[Block] = []
    if table := rate_table(comparison):
        blocks.append(table)
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        groups = [group for group in groups if curve_names([group], "val/firing_rate/")]
        modalities = curve_names(groups, "val/firing_rate/")
        panels = [rate_panel(comparison, groups, dataset, m) for m in modalities]
        if panels:
            caption = f"{dataset}: spikes per neuron and time step on the validation set."
            blocks.append(Figure(caption, panels, legend(comparison, groups)))
    if layers := layer_table(comparison):
        blocks.append(layers)
    nothing = (
        "No counted run logged firing rates. The callback FiringRateMonitor logs them by modality, "
        "SpikeMonitor by layer."
    )
    return Section("Firing rates", blocks or [Text(nothing)])


def rate_table(comparison: Comparison) -> Table | None:
    """Final firing rates, None if there are none."""
    prefix = "test/firing_rate/"
    runs = [member.run for group in comparison.groups for member in group.counted]
    names = sorted({n for run in runs for n in run.metrics if n.startswith(prefix)})
    rows: list[list[Cell | str]] = []
    for dataset in comparison.datasets:
        for group in comparison.ordered(dataset):
            rates = [mean_text(group.summary(name), digits=4) for name in names]
            rows.append([method_cell(comparison, group.method), dataset, *rates])
    caption = "Spikes per neuron and time step on the test set, mean ± standard deviation (seeds)."
    columns = ["Method", "Data set", *(name.removeprefix(prefix) for name in names)]
    return Table("firing", caption, columns, rows) if names else None


def rate_panel(
    comparison: Comparison, groups: Sequence[Group], dataset: str, modality: str
) -> Panel:
    """Firing rate of one modality."""
    pick = named_metric(f"val/firing_rate/{modality}")
    lines = [line(comparison, group, group.curve(pick)) for group in groups]
    name = slug(f"firing {dataset} {modality}")
    title = f"firing rate, {modality}, {dataset}"
    return Panel(name, modality, line_chart(name, title, "firing rate", lines))


def layer_table(comparison: Comparison) -> Table | None:
    """Rate, silent and saturated shares by layer, None if no run has them."""
    rows: list[list[Cell | str]] = []
    for dataset in comparison.datasets:
        for group in comparison.ordered(dataset):
            for modality, layer in group.names(lambda c: c.layers):
                found = [m.curves.layers.get((modality, layer)) for m in group.counted]
                shares = [summarise(v) for v in zip(*(f for f in found if f is not None))]
                cells = [mean_text(share, digits=4) for share in shares]
                head = method_cell(comparison, group.method)
                rows.append([head, dataset, modality, layer, *cells])
    caption = (
        "The last monitored epoch by layer: firing rate, share of silent and saturated neurons."
    )
    columns = ["Method", "Data set", "Modality", "Layer", "Rate", "Silent", "Saturated"]
    return Table("layers", caption, columns, rows, latex=False, folded=True) if rows else None


def drawn_groups(comparison: Comparison, dataset: str, metric: Metric) -> list[Group]:
    """The groups of a column that are drawn: the best ones, as many as there are colours."""
    sign = 1 if metric.lower_is_better else -1

    def rank(group: Group) -> float:
        summary = group.summary(metric.name)
        return sign * summary.mean if summary else math.inf

    groups = comparison.ordered(dataset)
    best = sorted(groups, key=rank)[:COLOURS]
    return [group for group in groups if group in best]


def left_out(comparison: Comparison, dataset: str) -> str:
    """A remark where not all methods are drawn."""
    count = len(comparison.ordered(dataset))
    return f" The best {COLOURS} of {count} methods." if count > COLOURS else ""


def legend(comparison: Comparison, groups: Sequence[Group]) -> list[tuple[str, int, str]]:
    """Letter, colour and name of the methods drawn."""
    return [(comparison.key(g.method), colour_of(comparison, g), g.method) for g in groups]


def colour_of(comparison: Comparison, group: Group) -> int:
    """A method has the same colour in all figures."""
    return comparison.methods.index(group.method)


def line(
    comparison: Comparison, group: Group, points: Sequence[Point], faint: bool = False
) -> Line:
    """A curve of a group, its epochs counted from 1."""
    letter = comparison.key(group.method)
    return Line(letter, colour_of(comparison, group), from_one(points), faint)


def scaled(points: Sequence[Point], factor: float) -> list[Point]:
    """Points in another unit."""
    return [Point(p.epoch, p.mean * factor, p.low * factor, p.high * factor) for p in points]


def named_metric(name: str) -> Callable[[Curves], Series | None]:
    """What picks a metric of a run."""
    return lambda curves: curves.metrics.get(name)


def curve_names(groups: Sequence[Group], *prefixes: str) -> list[str]:
    """The last parts of the names of curves with one of the prefixes."""
    names = {name for group in groups for name in group.names(lambda c: c.metrics)}
    return sorted({name.rsplit("/", 1)[-1] for name in names if name.startswith(prefixes)})
