"""What runs cost: energy per sample, training time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snn_mm.analysis.report.charts import Dot, scatter_chart
from snn_mm.analysis.report.document import Block, Cell, Figure, Panel, Section, Table, Text
from snn_mm.analysis.report.energy import Energy
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.html import slug
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.sections.rows import method_cell
from snn_mm.analysis.report.sections.trends import colour_of, legend
from snn_mm.analysis.report.statistics import Summary, summarise
from snn_mm.analysis.report.wording import NOTHING, duration, joined, mean_text
from snn_mm.figures.names import spoken

Pick = Callable[[Energy], float | None]
QUANTITIES: dict[str, tuple[Pick, int]] = {
    "Compute [µJ]": (lambda e: e.compute_uj, 3),
    "Memory [µJ]": (lambda e: e.memory_uj, 3),
    "Formula [µJ]": (lambda e: e.formula_uj, 3),
    "SynOps [M]": (lambda e: e.synops_m, 3),
    "Purity": (lambda e: e.purity, 3),
    "ANN twin": (lambda e: e.ann_ratio, 2),
}
"""Columns of the energy table, each with its digits."""


def energy_section(comparison: Comparison, metric: Metric) -> Section:
    """Energy against the metric, and the numbers behind it."""
    groups = [g for d in comparison.datasets for g in comparison.ordered(d) if energies(g)]
    if not groups:
        return Section("Energy", [Text("No energy.json: the callback EnergyEstimator writes it.")])
    panels = [energy_panel(comparison, groups, d, metric) for d in comparison.datasets]
    against = title_of(metric.name)
    caption = f"Compute energy per sample against {against}; whiskers are one standard deviation."
    drawn = {group.method: group for group in groups}
    figure = Figure(caption, [p for p in panels if p], legend(comparison, list(drawn.values())))
    blocks: list[Block] = [energy_table(comparison, groups), parts_table(comparison, groups)]
    blocks += left_out(groups)
    return Section("Energy", [figure, *blocks] if figure.panels else blocks)


def left_out(groups: Sequence[Group]) -> list[Block]:
    """Name the operations that are in no energy, with the most results that a run had of each."""
    most: dict[str, float] = {}
    for energy in (energy for group in groups for energy in energies(group)):
        for name, number in energy.without_rule.items():
            most[name] = max(most.get(name, 0.0), number)
    ordered = sorted(most.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {number:,.0f}" for name, number in ordered)
    text = (
        "In no energy above, for no rule charges for it (results per sample, the most that a run "
        f"has): {named}."
    )
    return [Text(text)] if named else []


def energies(group: Group) -> list[Energy]:
    """What the runs of a group spent."""
    return [member.energy for member in group.counted if member.energy is not None]


def energy_panel(
    comparison: Comparison, groups: Sequence[Group], dataset: str, metric: Metric
) -> Panel | None:
    """One data set, None if no run there has both numbers."""
    dots = []
    for group in groups:
        cost, gain = summary_of(group, lambda e: e.compute_uj), group.summary(metric.name)
        if group.dataset == dataset and cost and gain:
            spreads = (cost.deviation, gain.deviation * metric.scale)
            x_spread, y_spread = (s if s == s else 0.0 for s in spreads)  # NaN: a single run
            colour = colour_of(comparison, group)
            mean = gain.mean * metric.scale
            dots.append(
                Dot(comparison.key(group.method), colour, cost.mean, mean, x_spread, y_spread)
            )
    if not dots:
        return None
    name = slug(f"energy {dataset}")
    unit = f"{spoken(metric.label)} [%]" if metric.is_share else spoken(metric.label)
    chart = scatter_chart(name, f"Energy, {dataset}", "compute energy per sample [µJ]", unit, dots)
    return Panel(name, dataset, chart)


def summary_of(group: Group, pick: Pick) -> Summary | None:
    """Mean and deviation of a quantity over the runs that have it."""
    values = [pick(energy) for energy in energies(group)]
    return summarise([value for value in values if value is not None])


def energy_table(comparison: Comparison, groups: Sequence[Group]) -> Table:
    """Energy per sample, with the cost model's name."""
    rows: list[list[Cell | str]] = []
    for group in groups:
        models = sorted({energy.cost_model for energy in energies(group)})
        cells = [
            mean_text(summary_of(group, pick), digits=digits, size=False)
            for pick, digits in QUANTITIES.values()
        ]
        head = method_cell(comparison, group.method)
        runs = str(len(energies(group)))
        rows.append([head, group.dataset, runs, ", ".join(models), *cells])
    caption = (
        "Energy per sample, mean ± standard deviation over runs. Memory is apart from compute; "
        "Formula is the field's (first layer MAC, the rest SynOps); Purity is the share of "
        "synaptic operations driven by binary spikes; ANN twin is its compute energy over ours."
    )
    return Table("energy", caption, ["Method", "Data set", "Runs", "Cost model", *QUANTITIES], rows)


def parts_table(comparison: Comparison, groups: Sequence[Group]) -> Table:
    """Compute energy by modality and for the fusion."""
    parts = sorted(
        {part for group in groups for energy in energies(group) for part in energy.parts_uj}
    )
    rows: list[list[Cell | str]] = []
    for group in groups:
        found = [[e.parts_uj[p] for e in energies(group) if p in e.parts_uj] for p in parts]
        cells = [mean_text(summarise(values), digits=3) for values in found]
        rows.append([method_cell(comparison, group.method), group.dataset, *cells])
    caption = "Compute energy per sample in µJ by part of the network."
    return Table("energy-parts", caption, ["Method", "Data set", *parts], rows)


def cost_section(comparison: Comparison) -> Section:
    """Training time, epochs and optimizer steps."""
    rows: list[list[Cell | str]] = []
    for dataset in comparison.datasets:
        for group in comparison.ordered(dataset):
            head = method_cell(comparison, group.method)
            rows.append([head, dataset, *cost_cells(group)])
    if not rows:
        return Section("Cost", [Text("No counted run.")])
    caption = (
        "Wall-clock time of the training, mean (runs that tell it); from file dates where a run "
        "noted none, and unknown for copied and resumed runs."
    )
    columns = ["Method", "Data set", "Training time", "Epochs", "Steps", "Device"]
    return Section("Cost", [Table("cost", caption, columns, rows)])


def cost_cells(group: Group) -> list[str]:
    """Time, epochs, steps and device of a group."""
    runs = [member.run for member in group.counted]
    times = summarise([run.seconds for run in runs if run.seconds is not None])
    time = f"{duration(times.mean)} ({times.size})" if times else NOTHING
    counts = [
        joined(sorted({str(run.results.get(key, NOTHING)) for run in runs}))
        for key in ("epochs", "steps")
    ]
    devices = {name for run in runs for name in map(str, run.environment.get("devices") or [])}
    return [time, *counts, joined(sorted(devices)) or NOTHING]
