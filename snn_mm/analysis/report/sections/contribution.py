"""What each modality contributes: Shapley values, conditional utilisation."""

from __future__ import annotations

from snn_mm.analysis.report.charts import line_chart
from snn_mm.analysis.report.document import Block, Figure, Panel, Section, Table, TableCell, Text
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.html import slug
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.sections.rows import method_cell
from snn_mm.analysis.report.sections.trends import drawn_groups, last_parts, legend, line
from snn_mm.analysis.report.wording import mean_text

KINDS = {
    "shapley": "Shapley value",
    "shapley_probability": "Shapley value, probability",
    "utilisation": "Utilisation",
    "alone": "Alone",
    "without": "Without",
}
"""Columns by the names that `snnmm analyse robustness` and `ModalityShapley` give."""

SHAPLEY = "shapley/"


def contribution_section(comparison: Comparison, metric: Metric) -> Section:
    """Final contributions by modality, and over the epochs where a callback logged them."""
    table = contribution_table(comparison)
    blocks: list[Block] = [table] if table else []
    for dataset in comparison.datasets:
        groups = drawn_groups(comparison, dataset, metric)
        groups = [group for group in groups if last_parts([group], f"val/{SHAPLEY}")]
        panels = []
        for modality in last_parts(groups, f"val/{SHAPLEY}"):
            name, title = slug(f"shapley {dataset} {modality}"), f"{modality}, {dataset}"
            lines = [line(comparison, group, f"val/{SHAPLEY}{modality}") for group in groups]
            chart = line_chart(name, f"Shapley value, {title}", "Shapley value", lines)
            panels.append(Panel(name, modality, chart))
        if panels:
            caption = f"{dataset}: Shapley value of each modality on the validation set by epoch."
            blocks.append(Figure(caption, panels, legend(comparison, groups)))
    nothing = (
        "No counted run says what its modalities contribute. `snnmm analyse robustness` measures "
        "it, and the callback ModalityShapley over the training."
    )
    return Section("Contribution of modalities", blocks or [Text(nothing)])


def contribution_table(comparison: Comparison) -> Table | None:
    """A row for each modality of each method; None if no run has any."""
    prefix = f"test/{SHAPLEY}"
    rows: list[list[TableCell | str]] = [
        [
            method_cell(comparison, group.method),
            dataset,
            modality,
            *(mean_text(group.summary(f"test/{kind}/{modality}"), digits=4) for kind in KINDS),
        ]
        for dataset in comparison.datasets
        for group in comparison.ordered(dataset)
        for modality in sorted(
            n.removeprefix(prefix) for n in group.metrics if n.startswith(prefix)
        )
    ]
    caption = (
        "Shapley value of each modality on the test set, of the accuracy against 1 / K (of scores: "
        "of minus the mean absolute error against the neutral score 0) and of the probability of "
        "the true class; conditional utilisation given all others; the network with this modality "
        "alone, and without it. Mean ± standard deviation (seeds)."
    )
    columns = ["Method", "Data set", "Modality", *KINDS.values()]
    return Table("contribution", caption, columns, rows) if rows else None
