"""What the rows of several tables share."""

from __future__ import annotations

from snn_mm.analysis.report.document import Cell
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import Metric


def method_cell(comparison: Comparison, method: str) -> Cell:
    """A method with the letter that stands for it in figures."""
    return Cell(f"{comparison.key(method)}. {method}")


def best_method(comparison: Comparison, dataset: str, metric: Metric) -> str | None:
    """The method with the best mean on a data set, None if none has one or only one exists."""
    means = {}
    for group in comparison.ordered(dataset):
        if summary := group.summary(metric.name):
            means[group.method] = -summary.mean if metric.lower_is_better else summary.mean
    return max(means, key=means.__getitem__) if len(means) > 1 else None
