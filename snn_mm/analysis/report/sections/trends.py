"""What changes over the epochs: learning curves, factors, firing rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from snn_mm.analysis.report.charts import COLOURS, FEW, Line, line_chart
from snn_mm.analysis.report.curves import is_factor
from snn_mm.analysis.report.document import Block, Figure, Panel, Section, Table, TableCell, Text
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.html import slug
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.sections.rows import long_table, method_cell
from snn_mm.analysis.report.statistics import summarise
from snn_mm.analysis.report.wording import mean_text
from snn_mm.contracts import FUSED
from snn_mm.figures.names import spoken

RATE = "firing_rate/"
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
        names = last_parts(groups, f"val/{shown.kind}/", f"train/{shown.kind}/")
        modalities = sorted(names, key=lambda name: (name != FUSED, name))
        few = len(groups) <= FEW
        stages = ("train", "val") if few else ("val",)
        panels = []
        for m in modalities:
            lines = [learning_line(comparison, g, shown, s, m) for g in groups for s in stages]
            panels.append(learning_panel([dataset, m], m, f"{m}, {dataset}", shown, lines))
        if not panels:
            continue
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
    head = f"{letter}. {chosen.method}"
    title = f"{head}, {modality}, {dataset}"
    return learning_panel([dataset, modality, letter], head, title, metric, lines)


def learning_line(
    comparison: Comparison, group: Group, metric: Metric, stage: str, modality: str
) -> Line:
    """The curve of a method; that of the training is faint."""
    name = f"{stage}/{metric.kind}/{modality}"
    return line(comparison, group, name, metric.scale, faint=stage == "train")


def learning_panel(
    names: Sequence[str], heading: str, title: str, metric: Metric, lines: Sequence[Line]
) -> Panel:
    """A chart of curves of a metric."""
    bounds = PERCENT if metric.is_share else FREE
    name = slug(" ".join(["learning", *names]))
    return Panel(name, heading, line_chart(name, title, metric.short_axis, lines, bounds))


def factor_section(comparison: Comparison, metric: Metric) -> Section:
    """What modulations computed and trackers measured, a chart per factor."""
    blocks: list[Block] = []
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        groups = [group for group in groups if any(map(is_factor, group.logged))]
        panels = []
        for factor in sorted({name for g in groups for name in g.logged if is_factor(name)}):
            name, title = slug(f"factor {dataset} {factor}"), title_of(factor)
            lines = [line(comparison, group, factor) for group in groups]
            chart = line_chart(name, f"{title}, {dataset}", title, lines)
            panels.append(Panel(name, title, chart))
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


def firing_section(comparison: Comparison, metric: Metric) -> Section:
    """Firing rates: final by modality, over epochs, by layer."""
    blocks: list[Block] = []
    if table := rate_table(comparison):
        blocks.append(table)
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        groups = [group for group in groups if last_parts([group], f"val/{RATE}")]
        panels = []
        for modality in last_parts(groups, f"val/{RATE}"):
            name = slug(f"firing {dataset} {modality}")
            lines = [line(comparison, group, f"val/{RATE}{modality}") for group in groups]
            title = f"firing rate, {modality}, {dataset}"
            panels.append(Panel(name, modality, line_chart(name, title, "firing rate", lines)))
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
    prefix = f"test/{RATE}"
    names = sorted(name for name in comparison.all_metrics if name.startswith(prefix))
    caption = "Spikes per neuron and time step on the test set, mean ± standard deviation (seeds)."
    heads = [name.removeprefix(prefix) for name in names]
    table = long_table(
        comparison,
        "firing",
        caption,
        heads,
        lambda group: [mean_text(group.summary(name), digits=4) for name in names],
    )
    return table if names else None


def layer_table(comparison: Comparison) -> Table | None:
    """Rate, silent and saturated shares by layer, None if no run has them."""
    rows: list[list[TableCell | str]] = []
    for group in (g for dataset in comparison.datasets for g in comparison.ordered(dataset)):
        for place in sorted({place for run in group.counted for place in run.layers}):
            found = [run.layers[place] for run in group.counted if place in run.layers]
            cells = [mean_text(summarise(values), digits=4) for values in zip(*found)]
            rows.append([method_cell(comparison, group.method), group.dataset, *place, *cells])
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
    comparison: Comparison, group: Group, name: str, scale: float = 1.0, faint: bool = False
) -> Line:
    """The curve of what a group logged."""
    letter, points = comparison.key(group.method), group.curve(name)
    return Line(letter, colour_of(comparison, group), [p.times(scale) for p in points], faint)


def last_parts(groups: Iterable[Group], *prefixes: str) -> list[str]:
    """The last parts of the names of what groups logged with one of the prefixes."""
    names = {name for group in groups for name in group.logged if name.startswith(prefixes)}
    return sorted({name.rsplit("/", 1)[-1] for name in names})
