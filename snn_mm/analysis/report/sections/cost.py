"""What runs cost: energy per sample, training time."""

from __future__ import annotations

from collections.abc import Sequence

from snn_mm.analysis.report.charts import Dot, scatter_chart
from snn_mm.analysis.report.document import Block, Figure, Panel, Section, Table, Text
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.html import slug
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.run_files import ENERGY
from snn_mm.analysis.report.sections.rows import long_table
from snn_mm.analysis.report.sections.trends import colour_of, legend
from snn_mm.analysis.report.statistics import summarise
from snn_mm.analysis.report.wording import NOTHING, duration, joined, mean_text

COMPUTE, PARTS, LEFT_OUT = f"{ENERGY}total.compute_pj", f"{ENERGY}parts.", f"{ENERGY}without_rule."
MILLIONTH = 1e-6
"""pJ to µJ, and operations to M."""

QUANTITIES = {
    "Compute [µJ]": (COMPUTE, MILLIONTH, 3),
    "Memory [µJ]": (f"{ENERGY}total.memory_pj", MILLIONTH, 3),
    "Formula [µJ]": (f"{ENERGY}total.formula_pj", MILLIONTH, 3),
    "SynOps [M]": (f"{ENERGY}total.synops", MILLIONTH, 3),
    "Purity": (f"{ENERGY}total.purity", 1.0, 3),
    "ANN twin": (f"{ENERGY}ann_twin.ratio_compute", 1.0, 2),
}
"""Columns of the energy table: what they show, in which unit and with how many digits."""


def energy_section(comparison: Comparison, metric: Metric) -> Section:
    """Energy against the metric, and the numbers behind it."""
    groups = [g for d in comparison.datasets for g in comparison.ordered(d) if COMPUTE in g.metrics]
    if not groups:
        return Section("Energy", [Text("No energy.json: the callback EnergyEstimator writes it.")])
    panels = [energy_panel(comparison, groups, d, metric) for d in comparison.datasets]
    against = title_of(metric.name)
    caption = f"Compute energy per sample against {against}; whiskers are one standard deviation."
    drawn = {group.method: group for group in groups}
    figure = Figure(caption, [p for p in panels if p], legend(comparison, list(drawn.values())))
    blocks: list[Block] = [energy_table(comparison), parts_table(comparison), *left_out(groups)]
    return Section("Energy", [figure, *blocks] if figure.panels else blocks)


def left_out(groups: Sequence[Group]) -> list[Block]:
    """Name the operations that are in no energy, with the most results that a run had of each."""
    most: dict[str, float] = {}
    for metrics in (run.metrics for group in groups for run in group.counted):
        for name, number in metrics.items():
            if name.startswith(LEFT_OUT):
                operation = name.removeprefix(LEFT_OUT)
                most[operation] = max(most.get(operation, 0.0), number)
    ordered = sorted(most.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {number:,.0f}" for name, number in ordered)
    text = (
        "In no energy above, for no rule charges for it (results per sample, the most that a run "
        f"has): {named}."
    )
    return [Text(text)] if named else []


def energy_panel(
    comparison: Comparison, groups: Sequence[Group], dataset: str, metric: Metric
) -> Panel | None:
    """One data set, None if no run there has both numbers."""
    dots = []
    for group in groups:
        cost, gain = group.summary(COMPUTE), group.summary(metric.name)
        if group.dataset == dataset and cost and gain:
            x, y = cost.times(MILLIONTH), gain.times(metric.scale)
            letter, colour = comparison.key(group.method), colour_of(comparison, group)
            dots.append(Dot(letter, colour, x.mean, y.mean, x.spread, y.spread))
    if not dots:
        return None
    name = slug(f"energy {dataset}")
    title, x_label = f"Energy, {dataset}", "compute energy per sample [µJ]"
    return Panel(name, dataset, scatter_chart(name, title, x_label, metric.short_axis, dots))


def energy_table(comparison: Comparison) -> Table:
    """Energy per sample, with the cost model's name."""

    def cells(group: Group) -> list[str]:
        found = [run.energy for run in group.counted if run.energy]
        models = sorted({str(energy.get("cost_model.name", "unnamed")) for energy in found})
        numbers = [
            mean_text(group.summary(name), scale, digits, size=False)
            for name, scale, digits in QUANTITIES.values()
        ]
        return [str(len(found)), ", ".join(models), *numbers] if found else []

    caption = (
        "Energy per sample, mean ± standard deviation over runs. Memory is apart from compute; "
        "Formula is the field's (first layer MAC, the rest SynOps); Purity is the share of "
        "synaptic operations driven by binary spikes; ANN twin is its compute energy over ours."
    )
    columns = ["Runs", "Cost model", *QUANTITIES]
    return long_table(comparison, "energy", caption, columns, cells)


def parts_table(comparison: Comparison) -> Table:
    """Compute energy by modality and for the fusion."""
    end = ".compute_pj"
    names = sorted(n for n in comparison.all_metrics if n.startswith(PARTS) and n.endswith(end))

    def cells(group: Group) -> list[str]:
        texts = [mean_text(group.summary(name), MILLIONTH, 3) for name in names]
        return texts if COMPUTE in group.metrics else []

    caption = "Compute energy per sample in µJ by part of the network."
    heads = [name.removeprefix(PARTS).removesuffix(end) for name in names]
    return long_table(comparison, "energy-parts", caption, heads, cells)


def cost_section(comparison: Comparison) -> Section:
    """Training time, epochs and optimizer steps."""
    if not comparison.groups:
        return Section("Cost", [Text("No counted run.")])
    caption = (
        "Wall-clock time of the training, mean (runs that tell it); from file dates where a run "
        "noted none, and unknown for copied and resumed runs."
    )
    columns = ["Training time", "Epochs", "Steps", "Device"]
    return Section("Cost", [long_table(comparison, "cost", caption, columns, cost_cells)])


def cost_cells(group: Group) -> list[str]:
    """Time, epochs, steps and device of a group."""
    runs = group.counted
    times = summarise([run.seconds for run in runs if run.seconds is not None])
    time = f"{duration(times.mean)} ({times.size})" if times else NOTHING
    counts = [
        joined(sorted({str(run.results.get(key, NOTHING)) for run in runs}))
        for key in ("epochs", "steps")
    ]
    devices = {name for run in runs for name in map(str, run.environment.get("devices") or [])}
    return [time, *counts, joined(sorted(devices)) or NOTHING]
