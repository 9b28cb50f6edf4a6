"""How well each task of a class-incremental training is known in the end."""

from __future__ import annotations

from snn_mm.analysis.report.document import Cell, Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.sections.rows import method_cell


def task_table(comparison: Comparison) -> Table | None:
    """Final accuracy on each task, None if no run learned in tasks."""
    found = {
        task: name for name in comparison.all_metrics if (task := Metric(name).task) is not None
    }
    metrics = [Metric(found[task]) for task in sorted(found)]
    rows: list[list[Cell | str]] = []
    for dataset in comparison.datasets:
        for group in comparison.ordered(dataset):
            cells = [metric.write(group.summary(metric.name)) for metric in metrics]
            rows.append([method_cell(comparison, group.method), dataset, *cells])
    caption = (
        "Accuracy on each task after the last one in percent, mean ± standard deviation (seeds); "
        "figures/matrix.png of a run shows it after every task."
    )
    columns = ["Method", "Data set", *(f"task {task}" for task in sorted(found))]
    return Table("tasks", caption, columns, rows, latex=False, folded=True) if found else None
