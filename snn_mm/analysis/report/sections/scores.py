"""All scores of one kind of experiment side by side, as its papers print them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snn_mm.analysis.report.document import Cell, Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import LABELS, TASK_LABELS, Metric
from snn_mm.analysis.report.sections.rows import best_method, method_cell


@dataclass(frozen=True)
class Scores:
    """Metrics that belong side by side.

    Attributes:
        name: short name of the table.
        metrics: names as logged, in the order of papers.
        caption: what they are.
    """

    name: str
    metrics: Sequence[str]
    caption: str


SENTIMENT = Scores(
    "scores",
    [f"test/{kind}/fused" for kind in LABELS],
    "Scores of the fused head on the test set, mean ± standard deviation (seeds): accuracies "
    "and F1 in percent, MAE (less is better) and correlation as they are; the best of a column "
    "in bold.",
)
CONTINUAL = Scores(
    "continual",
    [f"test/{kind}" for kind in TASK_LABELS],
    "Learning in tasks, in percent, mean ± standard deviation (seeds): average incremental "
    "accuracy (AIA) and average forgetting rate (AFR, less is better) over all tasks, average "
    "accuracy (AA) and forgetting (F, less is better) after the last one; the best of a column in "
    "bold.",
)
SCORES = (SENTIMENT, CONTINUAL)


def scores_table(comparison: Comparison, scores: Scores) -> Table | None:
    """Scores by method and data set; None where no run has one."""
    columns = [
        (dataset, Metric(name))
        for dataset in comparison.datasets
        for name in scores.metrics
        if name in comparison.metrics(dataset)
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
    return Table(scores.name, scores.caption, ["Method", *heads], rows)
