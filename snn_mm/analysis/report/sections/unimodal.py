"""What each modality reaches without the others."""

from __future__ import annotations

from collections.abc import Collection

from snn_mm.analysis.report.document import Cell, Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.sections.rows import method_cell


def unimodal_table(comparison: Comparison, compared: Metric) -> Table | None:
    """The same kind of metric for each modality alone; None if nothing was logged."""
    metric = compared.by_head(comparison.all_metrics)
    family = metric.name.rpartition("/")[0] + "/"
    columns = [
        (dataset, name)
        for dataset in comparison.datasets
        for name in modality_metrics(comparison.metrics(dataset), metric)
    ]
    if not columns:
        return None
    rows = []
    for method in comparison.methods:
        groups = [comparison.group(method, dataset) for dataset, _ in columns]
        cells = [
            Cell(metric.write(group.summary(name) if group else None))
            for group, (_, name) in zip(groups, columns)
        ]
        rows.append([method_cell(comparison, method), *cells])
    several = len(comparison.datasets) > 1
    heads = [
        f"{d}: {n.removeprefix(family)}" if several else n.removeprefix(family) for d, n in columns
    ]
    caption = f"{family}* of each modality alone{metric.unit}, mean ± standard deviation (seeds)."
    return Table("unimodal", caption, ["Method", *heads], rows)


def modality_metrics(names: Collection[str], metric: Metric) -> list[str]:
    """Those of the names that are of the same kind as a metric, but not itself, nor of a task."""
    family = metric.name.rpartition("/")[0] + "/"
    siblings = sorted(name for name in names if name.startswith(family) and name != metric.name)
    return [name for name in siblings if Metric(name).task is None]
