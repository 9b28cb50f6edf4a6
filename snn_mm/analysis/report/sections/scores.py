"""Scores side by side: those of one kind of experiment, of each modality alone, of each task."""

from __future__ import annotations

from collections.abc import Collection

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import CLASS_LABELS, LABELS, TASK_LABELS, Metric
from snn_mm.analysis.report.sections.rows import long_table, wide_table

SENTIMENT = (
    "Scores of the fused head on the test set, mean ± standard deviation (seeds): accuracies "
    "and F1 in percent, MAE (less is better) and correlation as they are; the best of a column "
    "in bold."
)
BALANCED = (
    "Scores of the fused head on the test set that count every class alike, in percent, mean ± "
    "standard deviation (runs): mean recall and mean F1 of the classes; the best of a column in "
    "bold."
)
CONTINUAL = (
    "Learning in tasks, in percent, mean ± standard deviation (seeds): average incremental "
    "accuracy (AIA) and average forgetting rate (AFR, less is better) over all tasks, average "
    "accuracy (AA) and forgetting (F, less is better) after the last one; the best of a column in "
    "bold."
)


def score_tables(comparison: Comparison) -> list[Table]:
    """What papers on sentiment, rare classes or learning in tasks print, of what runs have."""
    kinds = {
        "scores": (SENTIMENT, [f"test/{kind}/fused" for kind in LABELS]),
        "balanced": (BALANCED, [f"test/{kind}/fused" for kind in CLASS_LABELS]),
        "continual": (CONTINUAL, [f"test/{kind}" for kind in TASK_LABELS]),
    }
    found = []
    for name, (caption, metrics) in kinds.items():
        columns = [
            (dataset, Metric(metric), Metric(metric).label)
            for dataset in comparison.datasets
            for metric in metrics
            if metric in comparison.metrics(dataset)
        ]
        found.append(wide_table(comparison, name, caption, columns))
    return [table for table in found if table]


def unimodal_table(comparison: Comparison, compared: Metric) -> Table | None:
    """The same kind of metric for each modality alone; None if nothing was logged."""
    metric = compared.by_head(comparison.all_metrics)
    family = metric.name.rpartition("/")[0] + "/"
    columns = [
        (dataset, Metric(name), name.removeprefix(family))
        for dataset in comparison.datasets
        for name in modality_metrics(comparison.metrics(dataset), metric)
    ]
    caption = f"{family}* of each modality alone{metric.unit}, mean ± standard deviation (seeds)."
    return wide_table(comparison, "unimodal", caption, columns, mark_best=False)


def modality_metrics(names: Collection[str], metric: Metric) -> list[str]:
    """Those of the names that are of the same kind as a metric, but not itself, nor of a task."""
    family = metric.name.rpartition("/")[0] + "/"
    siblings = sorted(name for name in names if name.startswith(family) and name != metric.name)
    return [name for name in siblings if Metric(name).task is None]


def task_table(comparison: Comparison) -> Table | None:
    """Final accuracy on each task, None if no run learned in tasks."""
    found = {task: m for m in map(Metric, comparison.all_metrics) if (task := m.task) is not None}
    metrics = [found[task] for task in sorted(found)]
    caption = (
        "Accuracy on each task after the last one in percent, mean ± standard deviation (seeds); "
        "figures/matrix.png of a run shows it after every task."
    )
    table = long_table(
        comparison,
        "tasks",
        caption,
        [f"task {metric.task}" for metric in metrics],
        lambda group: [metric.write(group.summary(metric.name)) for metric in metrics],
        latex=False,
        folded=True,
    )
    return table if found else None
