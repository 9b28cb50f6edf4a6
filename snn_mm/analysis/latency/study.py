"""Trials of many runs as methods, seeds and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from snn_mm.analysis.latency.early_exit import THRESHOLDS, ExitPoint, early_exit
from snn_mm.analysis.latency.record import Record
from snn_mm.analysis.latency.trials import Trial
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.statistics import MeanDeviation, summarise

ENERGY, ACCURACY = "energy/compute_uj", "accuracy/fused"


@dataclass(frozen=True)
class LatencyStudy:
    """What was measured of runs on one data set.

    Attributes:
        comparison: the runs, sorted into methods.
        records: by directory of the run.
        trained: T that a run was trained with, likewise.
    """

    comparison: Comparison
    records: Mapping[Path, Record]
    trained: Mapping[Path, int]

    @property
    def groups(self) -> list[Group]:
        """The methods, in their order."""
        return self.comparison.ordered(self.comparison.datasets[0])

    def label(self, group: Group) -> str:
        """A method with its letter."""
        return f"{self.comparison.key(group.method)}. {group.method}"

    def trials(self, group: Group) -> list[Trial]:
        """What a method was asked, by its first run."""
        return list(self.records[group.counted[0].path])

    def steps(self, group: Group) -> int:
        """T that a method was trained with, by its first run."""
        return self.trained[group.counted[0].path]

    def values(self, group: Group, trial: Trial, name: str) -> list[float]:
        """A number of a trial, of the runs that have it."""
        records = [self.records[run.path] for run in group.counted]
        found = [record[trial].metrics.get(name) for record in records if trial in record]
        return [value for value in found if value is not None]

    def summary(self, group: Group, trial: Trial, name: str) -> MeanDeviation | None:
        """Mean and deviation of a number of a trial."""
        return summarise(self.values(group, trial, name))

    def exits(self, group: Group) -> list[list[ExitPoint]]:
        """The curve of early exit of every run; none for a network of a single step."""
        steps = self.steps(group)
        if steps == 1:
            return []
        return [exit_curve(self.records[run.path], steps) for run in group.counted]


def exit_curve(record: Record, steps: int) -> list[ExitPoint]:
    """Early exit of one network at all thresholds, at most so many steps.

    The prediction after t steps is that of a network asked with T = t.

    Args:
        record: trials of a run, T = 1 to `steps` among them.
        steps: T that it was trained with.
    """
    trials = [Trial("trained", t) for t in range(1, steps + 1)]
    if any(trial not in record for trial in trials):
        return []  # its T is a part of its shape
    results = [record[trial] for trial in trials]
    ids = list(results[0].confidence)
    confidence = [[result.confidence[name] for result in results] for name in ids]
    right = [[result.right[name] for result in results] for name in ids]
    cost = [result.metrics[ENERGY] for result in results]
    return [early_exit(confidence, right, cost, threshold) for threshold in THRESHOLDS]
