"""What a study of latency found, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snn_mm.analysis.latency.early_exit import ExitPoint
from snn_mm.analysis.latency.neurobench import NAMES
from snn_mm.analysis.latency.study import ENERGY, LatencyStudy
from snn_mm.analysis.latency.trials import Trial
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.statistics import summarise
from snn_mm.analysis.report.wording import mean_text

Column = tuple[str, str, float, int]
"""Head, name of the number, what it is multiplied with, decimals."""

COST: tuple[Column, ...] = (
    ("Calibration error", "calibration_error/fused", 1.0, 3),
    ("Confidence − accuracy", "overconfidence/fused", 1.0, 3),
    ("Energy, µJ", ENERGY, 1.0, 3),
    ("CPU, ms", "cpu_ms", 1.0, 3),
)


def latency_table(study: LatencyStudy) -> Table:
    """Every form of every method at every T."""
    heads = dict.fromkeys(
        name
        for group in study.groups
        for trial in study.trials(group)
        for name in study.records[group.counted[0].path][trial].metrics
        if name.startswith("accuracy/")
    )
    accuracies = [(f"Accuracy, {name.split('/')[1]}", name, 100.0, 2) for name in heads]
    columns = [*accuracies, *COST]
    caption = (
        "By T at test: mean ± standard deviation over seeds (number of seeds), accuracies in "
        "percent. Trained: as it was trained; events end after T bins. Int8: weights by output "
        "channel and activations that are no spikes, rounded after training. Converted: the ANN by "
        "rate coding. Calibration error: expected, 15 bins. Energy of the arithmetic of an "
        "inference (45 nm, 32 bits; of int8 products 0.3 pJ for a multiply-accumulate and 0.1 pJ "
        "for an accumulate, batch norm and neurons in 32 bits). CPU: time of one thread for a "
        "sample of a batch; int8 is simulated, so that its time says nothing."
    )
    return Table("latency", caption, heads_of(columns), list(rows(study, columns)))


def neurobench_table(study: LatencyStudy) -> Table:
    """NeuroBench's measures, under its names."""
    columns = [(name.split("/")[-1], name, 1.0, 3 if "sparsity" in name else 0) for name in NAMES]
    caption = "NeuroBench's measures: footprint in bytes, operations for a sample."
    return Table("neurobench", caption, heads_of(columns), list(rows(study, columns)), latex=False)


def heads_of(columns: Sequence[Column]) -> list[str]:
    """The heads of a table of trials."""
    return ["Method", "Form", "T", *(head for head, *_ in columns)]


def rows(study: LatencyStudy, columns: Sequence[Column]) -> Iterator[list[str]]:
    """A row for every trial of every method."""
    for group in study.groups:
        for trial in study.trials(group):
            cells = [cell(study, group, trial, column) for column in columns]
            yield [study.label(group), trial.kind, str(trial.steps), *cells]


def cell(study: LatencyStudy, group: Group, trial: Trial, column: Column) -> str:
    """A number of a trial over seeds."""
    _, name, scale, digits = column
    return mean_text(study.summary(group, trial, name), scale, digits)


def exit_table(study: LatencyStudy) -> Table | None:
    """Early exit by threshold; None if no network has several steps."""
    found = [
        [study.label(group), *exit_cells(points)]
        for group in study.groups
        for points in zip(*study.exits(group))
    ]
    caption = (
        "Samples leave at the first step whose largest fused probability reaches the threshold, at "
        "the latest at the T of training: mean ± standard deviation over seeds, energy as above."
    )
    columns = ["Method", "Threshold", "Accuracy", "Steps", "Energy, µJ", "Left after each step"]
    return Table("exit", caption, columns, found) if found else None


def exit_cells(points: Sequence[ExitPoint]) -> list[str]:
    """A row of `exit_table` after its head, of the points of all seeds."""
    numbers = [
        mean_text(summarise([getattr(point, name) for point in points]), scale, digits)
        for name, scale, digits in (("accuracy", 100.0, 2), ("steps", 1.0, 2), ("cost", 1.0, 3))
    ]
    shares = [sum(step) / len(points) for step in zip(*(point.leaving for point in points))]
    left = " ".join(f"{100 * share:.0f}%" for share in shares)
    return [f"{points[0].threshold:g}", *numbers, left]


def number_table(study: LatencyStudy) -> Table:
    """Every number of every run, one a line."""
    found = [
        [study.label(group), run.path.name, run.seed, trial.kind, str(trial.steps), *pair]
        for group in study.groups
        for run in group.counted
        for trial, result in study.records[run.path].items()
        for pair in ((name, repr(value)) for name, value in result.metrics.items())
    ]
    columns = ["Method", "Run", "Seed", "Form", "T", "Metric", "Value"]
    return Table("numbers", "Every number.", columns, found, latex=False, folded=True)
