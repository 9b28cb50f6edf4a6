"""What several tables share: a row for each method, or for each method on each data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from snn_mm.analysis.report.document import Table, TableCell
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.metric import Metric


def method_cell(comparison: Comparison, method: str) -> TableCell:
    """A method with the letter that stands for it in figures."""
    return TableCell(f"{comparison.key(method)}. {method}")


def long_table(
    comparison: Comparison,
    name: str,
    caption: str,
    columns: Sequence[str],
    cells: Callable[[Group], Iterable[TableCell | str]],
    **options: Any,
) -> Table:
    """A row for each method on each data set.

    Args:
        comparison: the runs.
        name: of the table; `caption` and `options` are the table's, too.
        caption: what it shows.
        columns: heads after those of method and data set.
        cells: what stands below them; a method for which there is nothing has no row.
        options: of the table.
    """
    rows = [
        [method_cell(comparison, group.method), group.dataset, *found]
        for dataset in comparison.datasets
        for group in comparison.ordered(dataset)
        if (found := list(cells(group)))
    ]
    return Table(name, caption, ["Method", "Data set", *columns], rows, **options)


def wide_table(
    comparison: Comparison,
    name: str,
    caption: str,
    columns: Sequence[tuple[str, Metric, str]],
    mark_best: bool = True,
) -> Table | None:
    """Methods by metrics of data sets, None if there is no column.

    Args:
        comparison: the runs.
        name: of the table, and its `caption`.
        caption: what it shows.
        columns: data set, metric and head of each.
        mark_best: whether the best of a column is in bold.
    """
    best = [best_method(comparison, d, metric) if mark_best else None for d, metric, _ in columns]
    rows = []
    for method in comparison.methods:
        cells = [method_cell(comparison, method)]
        for (dataset, metric, _), winner in zip(columns, best):
            group = comparison.group(method, dataset)
            text = metric.write(group.summary(metric.name) if group else None)
            cells.append(TableCell(text, bold=winner == method))
        rows.append(cells)
    several = len(comparison.datasets) > 1
    heads = [f"{dataset}: {head}" if several else head for dataset, _, head in columns]
    return Table(name, caption, ["Method", *heads], rows) if columns else None


def best_method(comparison: Comparison, dataset: str, metric: Metric) -> str | None:
    """The method with the best mean on a data set, None if none has one or only one exists."""
    means = {}
    for group in comparison.ordered(dataset):
        if summary := group.summary(metric.name):
            means[group.method] = -summary.mean if metric.lower_is_better else summary.mean
    return max(means, key=means.__getitem__) if len(means) > 1 else None
