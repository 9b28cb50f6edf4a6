"""The small table at the end of a run."""

from __future__ import annotations

import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from snn_mm.analysis.report.metric import LABELS
from snn_mm.contracts import FUSED
from snn_mm.run.directory import DIVERGED, RunDirectory, read_json
from snn_mm.run.metrics_file import last_value

Rows = list[tuple[str, str]]


def print_summary(run: RunDirectory) -> None:
    """Print test scores, firing rates, the IEMF coefficient and the path of a run."""
    results = read_json(run.results)
    columns = ("iemf/xi", "iemf/xi_epoch")
    coefficients = (last_value(run.metrics, column) for column in columns)
    last = next((value for value in coefficients if value is not None), None)
    diverged = [(DIVERGED, results["error"])] if results.get("status") == DIVERGED else []
    rows = summary_rows(results.get("test", {}), last, run, results.get("linear_probe"))
    print_table([*diverged, *rows])


def print_metrics(metrics: dict[str, float | None]) -> None:
    """Print metrics by name."""
    print_table(
        [(name, "-" if value is None else f"{value:.4f}") for name, value in metrics.items()]
    )


def summary_rows(
    test: dict[str, Any],
    coefficient: float | None,
    run: RunDirectory,
    linear: dict[str, Any] | None = None,
) -> Rows:
    """The table's rows; what was not measured is left out."""
    rows = [
        *by_head(test, "accuracy", "test accuracy"),
        *linear_rows(linear),
        *fused_scores(test),
        *by_head(test, "mae", "test MAE"),
        *task_scores(test),
        *by_head(test, "firing_rate", "mean firing rate"),
    ]
    for part in ("compute", "memory"):
        energy = test.get(f"test/energy/{part}_uj")
        if energy is not None:
            rows.append((f"energy per sample, {part}", f"{energy:.3g} µJ"))
    if coefficient is not None:
        rows.append(("IEMF coefficient ξ, last epoch", f"{coefficient:.4f}"))
    return [*rows, ("run directory", str(run.path))]


def by_head(test: dict[str, Any], kind: str, label: str) -> Rows:
    """One metric of every modality and of the fusion, which comes last."""
    return [
        (f"{label}, {name.rsplit('/', 1)[1]}", f"{value:.4f}")
        for name, value in sorted(test.items(), key=lambda item: item[0].endswith(f"/{FUSED}"))
        if name.startswith(f"test/{kind}/") and value is not None
    ]


def linear_rows(linear: dict[str, Any] | None) -> Rows:
    """What a linear model reaches on each modality and on all together."""
    accuracies = (linear or {}).get("accuracy", {})
    return [
        (f"linear model on pooled features, {name}", f"{value:.4f}")
        for name, value in accuracies.items()
    ]


def fused_scores(test: dict[str, Any]) -> Rows:
    """Scores of sentiment of the fused head alone; the MAE is shown of every head."""
    values = {kind: test.get(f"test/{kind}/{FUSED}") for kind in LABELS if kind != "mae"}
    return [
        (f"test {LABELS[kind]}, {FUSED}", f"{value:.4f}")
        for kind, value in values.items()
        if value is not None
    ]


def task_scores(test: dict[str, Any]) -> Rows:
    """AIA and AFR of a sequence of tasks."""
    kinds = ("average_incremental_accuracy", "average_forgetting")
    values = {kind.replace("_", " "): test.get(f"test/{kind}") for kind in kinds}
    return [(label, f"{value:.4f}") for label, value in values.items() if value is not None]


def print_table(rows: Rows) -> None:
    """Print a rich table, or aligned plain lines where stdout is no terminal."""
    if not rows:
        return
    if not sys.stdout.isatty():
        width = max(len(label) for label, _ in rows)
        print("\n".join(f"{label:<{width}}  {value}" for label, value in rows))
        return
    table = Table(box=box.ROUNDED, show_header=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
