"""Conditions of many runs as methods, seeds and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from snn_mm.analysis.report.config_facts import Facts, as_text
from snn_mm.analysis.report.groups import Comparison, Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import network
from snn_mm.analysis.report.statistics import MeanDeviation, summarise
from snn_mm.analysis.robustness.conditions import SEVERITIES, Condition
from snn_mm.analysis.robustness.contribution import Contribution, contributions
from snn_mm.analysis.robustness.record import Record
from snn_mm.metrics.robustness import effective_robustness, relative_robustness

Corrupted = tuple[str, str]
"""A modality and what corrupts it: what a curve is of."""

BySeed = dict[str, float]


@dataclass(frozen=True)
class Study:
    """What was measured of runs on one data set.

    Attributes:
        comparison: the runs, sorted into methods.
        records: by directory of the run.
        metric: what is compared, such as `test/accuracy/fused`.
        baseline: the method that others are compared with.
    """

    comparison: Comparison
    records: Mapping[Path, Record]
    metric: Metric
    baseline: str

    @property
    def groups(self) -> list[Group]:
        """The methods, in their order."""
        return self.comparison.ordered(self.comparison.datasets[0])

    @property
    def base(self) -> Group:
        """The runs of the baseline."""
        return next(group for group in self.groups if group.method == self.baseline)

    def label(self, group: Group) -> str:
        """A method with its letter."""
        return f"{self.comparison.key(group.method)}. {group.method}"

    def record(self, group: Group) -> Record:
        """What was measured of the first run of a method."""
        return self.records[group.counted[0].path]

    def by_seed(self, group: Group, number: Callable[[Record], float | None]) -> BySeed:
        """A number of every run of a method that has it."""
        found = {run.seed: number(self.records[run.path]) for run in group.counted}
        return {seed: value for seed, value in found.items() if value is not None}

    def values(self, group: Group, condition: Condition, name: str) -> BySeed:
        """A metric under a condition, by seed."""
        return self.by_seed(group, lambda record: number_of(record, condition, name))

    def summary(self, group: Group, condition: Condition, name: str) -> MeanDeviation | None:
        """Mean and deviation of a metric under a condition."""
        return summarise(list(self.values(group, condition, name).values()))

    def relative(self, group: Group, what: Corrupted) -> BySeed:
        """Relative robustness by seed."""
        return self._of_curves(group, what, relative_robustness)

    def effective(self, group: Group, what: Corrupted) -> BySeed:
        """Effective robustness by seed against the baseline's mean curve; more is better."""
        sign = -1.0 if self.metric.lower_is_better else 1.0
        base = mean_curve([curve_of(r, what, self.metric.name) for r in self._records(self.base)])
        if base is None:
            return {}
        return self._of_curves(group, what, lambda curve: sign * effective_robustness(curve, base))

    def contribution(self, group: Group, modality: str, kind: str) -> BySeed:
        """A number of `Contribution` by seed."""
        found = {run.seed: self.contributions[run.path].get(modality) for run in group.counted}
        numbers = {seed: getattr(each, kind) for seed, each in found.items() if each is not None}
        return {seed: value for seed, value in numbers.items() if value is not None}

    def twin(self, group: Group, modality: str) -> Group | None:
        """Runs of the same network that were given this modality alone.

        Of several methods that whose configs differ least.

        Args:
            group: of a multimodal network.
            modality: its name.
        """
        own = kind_of_network(group.facts, modality)
        kin = [
            other
            for other in self.groups
            if modalities(self.record(other)) == (modality,)
            and kind_of_network(other.facts, modality) == own
        ]
        return min(kin, key=lambda other: distance(other.facts, group.facts), default=None)

    @cached_property
    def contributions(self) -> dict[Path, dict[str, Contribution]]:
        """What each modality of a run contributes, by directory of the run."""
        return {path: contributions(record) for path, record in self.records.items()}

    def _records(self, group: Group) -> list[Record]:
        return [self.records[run.path] for run in group.counted]

    def _of_curves(
        self, group: Group, what: Corrupted, number: Callable[[list[float]], float]
    ) -> BySeed:
        def of_record(record: Record) -> float | None:
            curve = curve_of(record, what, self.metric.name)
            return None if curve is None else number(curve)

        return self.by_seed(group, of_record)


def distance(one: Facts, other: Facts) -> int:
    """How many lines two configs do not share."""
    lines = [{(key, as_text(value)) for key, value in facts.items()} for facts in (one, other)]
    return len(lines[0] ^ lines[1])


def kind_of_network(facts: Facts, modality: str) -> str:
    """Whether a network spikes, over how many steps, whatever modalities it has."""
    return network(facts).removeprefix(f"{modality} only").removeprefix(" · ")


def modalities(record: Record) -> tuple[str, ...]:
    """The modalities of a network, in its order."""
    return max((condition.present for condition in record), key=len)


def clean(record: Record) -> Condition:
    """The condition in which nothing is done."""
    return Condition(modalities(record))


def curves(record: Record) -> list[Corrupted]:
    """What a network was corrupted with."""
    return list(dict.fromkeys((c.modality, c.corruption) for c in record if c.severity))


def steps(record: Record, what: Corrupted) -> list[Condition]:
    """The conditions of a curve, the clean one first."""
    all_of_them = modalities(record)
    return [Condition(all_of_them), *(Condition(all_of_them, *what, s) for s in SEVERITIES)]


def number_of(record: Record, condition: Condition, name: str) -> float | None:
    """A metric under a condition; None if it has none."""
    return record[condition].metrics.get(name) if condition in record else None


def curve_of(record: Record, what: Corrupted, name: str) -> list[float] | None:
    """A metric by severity, the clean one first; None if a step has none."""
    found = [number_of(record, condition, name) for condition in steps(record, what)]
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None


def mean_curve(found: list[list[float] | None]) -> list[float] | None:
    """The mean of the curves that are there; None if there is none."""
    known = [curve for curve in found if curve is not None]
    return [fmean(values) for values in zip(*known)] or None
