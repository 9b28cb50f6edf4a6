"""All scores of sentiment side by side, as its papers print them."""

from __future__ import annotations

from snn_mm.analysis.report.document import Cell, Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.sections.rows import best_method, method_cell
from snn_mm.analysis.report.wording import LABELS, Metric


def scores_table(comparison: Comparison) -> Table | None:
    """Every score of the fused head by method and data set; None where no run has one."""
    columns = [
        (dataset, metric)
        for dataset in comparison.datasets
        for metric in fused_scores(comparison, dataset)
    ]
    if not columns:
        return None
    best = [best_method(comparison, dataset, metric) for dataset, metric in columns]
    rows = []
    for method in comparison.methods:
        cells = [method_cell(comparison, method)]
        for (dataset, metric), winner in zip(columns, best):
            group = comparison.group(method, dataset)
            text = metric.write(group.summary(metric.name) if group else None)
            cells.append(Cell(text, bold=winner == method))
        rows.append(cells)
    several = len(comparison.datasets) > 1
    heads = [f"{dataset}: {m.label}" if several else m.label for dataset, m in columns]
    caption = (
        "Scores of the fused head on the test set, mean ± standard deviation (seeds): accuracies "
        "and F1 in percent, MAE (less is better) and correlation as they are; the best of a column "
        "in bold."
    )
    return Table("scores", caption, ["Method", *heads], rows)


def fused_scores(comparison: Comparison, dataset: str) -> list[Metric]:
    """Scores that any counted run on a data set has, in the order of papers."""
    groups = comparison.ordered(dataset)
    found = {name for group in groups for member in group.counted for name in member.run.metrics}
    return [Metric(name) for kind in LABELS if (name := f"test/{kind}/fused") in found]
