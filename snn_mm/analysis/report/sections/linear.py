"""Networks beside the linear model on pooled features of their data."""

from __future__ import annotations

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.run_files import Run
from snn_mm.analysis.report.sections.rows import long_table
from snn_mm.analysis.report.statistics import summarise

CAPTION = (
    "Test accuracy in percent, mean ± standard deviation (seeds), of networks and of the linear "
    "model on pooled features that each run measured on its own data (LinearProbe)."
)


def linear_table(comparison: Comparison) -> Table | None:
    """Accuracies of each modality and fused, of network and linear model; None without any."""
    runs = [run for group in comparison.groups for run in group.counted]
    names = list(dict.fromkeys(name for run in runs for name in accuracies(run)))
    heads = [f"{name}, {who}" for name in names for who in ("network", "linear")]

    def cells(group: Group) -> list[str]:
        """What stands in the row of a method."""
        if not any(accuracies(run) for run in group.counted):
            return []
        found = []
        for name in names:
            metric = Metric(f"test/accuracy/{name}")
            linear = [accuracies(run)[name] for run in group.counted if name in accuracies(run)]
            found.append(metric.write(group.summary(metric.name)))
            found.append(metric.write(summarise(linear)))
        return found

    return long_table(comparison, "linear", CAPTION, heads, cells) if names else None


def accuracies(run: Run) -> dict[str, float]:
    """What the linear model of a run reaches, by modality and fused."""
    found = run.results.get("linear_probe")
    values = found.get("accuracy") if isinstance(found, dict) else None
    return values if isinstance(values, dict) else {}
