"""Gathers runs into rows (methods) and columns (data sets)."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from snn_mm.analysis.report.config_facts import Facts, as_text, select
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.naming import (
    Library,
    dataset_name,
    labelled,
    method_name,
    modulations,
)
from snn_mm.analysis.report.run_files import Run
from snn_mm.analysis.report.statistics import MeanDeviation, summarise
from snn_mm.errors import UserError


@dataclass(frozen=True, eq=False)
class Group:
    """Runs of one method on one data set, which differ in their seeds or folds.

    Attributes:
        counted: the runs that enter the means, one per seed and fold, in their order.
        repeated: seeds that several runs share; the newest run of each counts.
    """

    method: str
    dataset: str
    counted: list[Run]
    repeated: list[str]

    @property
    def facts(self) -> Facts:
        """The config, of the first run."""
        return self.counted[0].facts

    @cached_property
    def metrics(self) -> set[str]:
        """Names of the final numbers that any of the runs has."""
        return {name for run in self.counted for name in run.metrics}

    def values(self, metric: str) -> dict[str, float]:
        """A final number by seed and fold, of the runs that have it."""
        return {drawn(run): run.metrics[metric] for run in self.counted if metric in run.metrics}

    def summary(self, metric: str) -> MeanDeviation | None:
        """Mean, standard deviation and number of a final number."""
        return summarise(list(self.values(metric).values()))

    @cached_property
    def logged(self) -> set[str]:
        """Names of what any of the runs logged over its epochs."""
        return {name for run in self.counted for name in run.logged}

    def curve(self, name: str) -> list[Point]:
        """Mean and band of what was logged; an epoch counts the runs that reached it."""
        found = [run.logged[name] for run in self.counted if name in run.logged]
        points = []
        for epoch in sorted(set().union(*found)):
            if summary := summarise([series[epoch] for series in found if epoch in series]):
                mean, spread = summary.mean, summary.spread
                points.append(Point(epoch, mean, mean - spread, mean + spread))
        return points

    def needed_curve(self, metric: str) -> list[Point]:
        """The curve of a metric.

        Raises:
            UserError: no run of the group logged it.
        """
        points = self.curve(metric)
        if not points:
            raise UserError(f"{self.counted[0].path}: metrics.csv has no {metric}")
        return points


@dataclass(frozen=True)
class Comparison:
    """Everything a report is about.

    Attributes:
        runs: all that were found.
        groups: those of them that can be compared.
        library: what is known of the classes in their configs.
    """

    runs: list[Run]
    groups: list[Group]
    library: Library

    @cached_property
    def methods(self) -> list[str]:
        """Rows: those with fewer modulations first, as baselines are."""
        order = {}
        for group in self.groups:
            order[group.method] = (len(modulations(group.facts, self.library)), group.method)
        return sorted(order, key=order.__getitem__)

    @cached_property
    def datasets(self) -> list[str]:
        """Columns."""
        return sorted({group.dataset for group in self.groups})

    def metrics(self, dataset: str) -> set[str]:
        """Names of the final numbers that any counted run on a data set has."""
        return {name for group in self.ordered(dataset) for name in group.metrics}

    @property
    def all_metrics(self) -> set[str]:
        """Names of the final numbers that any counted run has."""
        return {name for group in self.groups for name in group.metrics}

    def group(self, method: str, dataset: str) -> Group | None:
        """The runs of one cell, None if there are none."""
        return self._cells.get((method, dataset))

    def key(self, method: str) -> str:
        """The letter that stands for a method in figures: A to Z, then AA."""
        index = self.methods.index(method)
        return chr(65 + index) if index < 26 else chr(64 + index // 26) + chr(65 + index % 26)

    def ordered(self, dataset: str) -> list[Group]:
        """The groups of one column, in the order of the rows."""
        cells = (self.group(method, dataset) for method in self.methods)
        return [group for group in cells if group is not None]

    @cached_property
    def _cells(self) -> dict[tuple[str, str], Group]:
        return {(group.method, group.dataset): group for group in self.groups}


def compare(
    runs: Sequence[Run], library: Library, by: Sequence[str] = (), count_all: bool = False
) -> Comparison:
    """Sort runs into groups.

    Args:
        runs: all runs.
        library: what is known of the classes in their configs.
        by: config keys that make the rows instead of the derived method.
        count_all: whether unfinished runs enter the means too; those that diverged never do.

    Raises:
        UserError: a key in `by` stands in no config.
    """
    usable = [run for run in runs if run.facts and run.may_count(count_all)]
    check_keys(by, runs)
    names = [dataset_name(run.facts) for run in usable]
    datasets = labelled(names, [select(r.facts, "data", library.observers) for r in usable])
    if by:
        rows = [", ".join(f"{key}={value_of(run, key)}" for key in by) for run in usable]
    else:
        rows = _label_methods(usable, datasets, library)
    cells: dict[tuple[str, str], list[Run]] = {}
    for run, cell in zip(usable, zip(rows, datasets)):
        cells.setdefault(cell, []).append(run)
    groups = [_one_per_seed(*cell, together) for cell, together in cells.items()]
    return Comparison(list(runs), groups, library)


def _label_methods(runs: list[Run], datasets: list[str], library: Library) -> list[str]:
    """Name methods; two that go by one name on one data set are told apart by what differs."""
    labels: dict[int, str] = {}
    for dataset in set(datasets):
        here = [i for i, name in enumerate(datasets) if name == dataset]
        facts = [runs[i].facts for i in here]
        names = [method_name(each, library) for each in facts]
        own = [select(each, "method", library.observers) for each in facts]
        labels.update(zip(here, labelled(names, own)))
    return [labels[i] for i in range(len(runs))]


def _one_per_seed(method: str, dataset: str, runs: list[Run]) -> Group:
    """Keep the newest run of each seed: repeats of a seed are no independent samples."""
    newest = {drawn(run): run for run in sorted(runs, key=lambda r: (r.started, r.name))}
    counts = Counter(drawn(run) for run in runs)
    seeds = sorted(newest, key=lambda seed: (len(seed), seed))
    repeated = [seed for seed in seeds if counts[seed] > 1]
    return Group(method, dataset, [newest[seed] for seed in seeds], repeated)


def drawn(run: Run) -> str:
    """What tells apart the runs that are averaged: the seed, and the fold if there are some."""
    fold = f", fold {run.facts.get('data.fold')}" if run.facts.get("data.folds.k") else ""
    return f"{run.seed}{fold}"


def check_keys(by: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse keys that no config has.

    Raises:
        UserError: with the keys that look most like it.
    """
    known = {"experiment"} | {key for run in runs for key in run.facts}
    for key in by:
        if normal_key(key) not in known:
            near = difflib.get_close_matches(normal_key(key), known) or ["experiment"]
            raise UserError(f"--by {key}: no config has this key\nnear it: {', '.join(near)}")


def normal_key(key: str) -> str:
    """A key without the `init_args` that configs have and flags do not."""
    return key.replace(".init_args", "")


def value_of(run: Run, key: str) -> str:
    """The value of a key for `--by`; `experiment` is the folder of the run."""
    return run.path.parent.name if key == "experiment" else as_text(run.facts.get(normal_key(key)))
