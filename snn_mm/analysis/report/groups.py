"""Gathers runs into rows (methods) and columns (data sets)."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from snn_mm.analysis.report.config_facts import Facts, as_text, select
from snn_mm.analysis.report.curves import Curves, Point, Series, average, read_curves
from snn_mm.analysis.report.energy import Energy, read_energy
from snn_mm.analysis.report.naming import (
    Library,
    dataset_name,
    method_name,
    modulations,
    suffixes,
)
from snn_mm.analysis.report.run_files import Run
from snn_mm.analysis.report.statistics import Summary, summarise
from snn_mm.errors import UserError

MANY_RUNS = 64
"""Runs from which starting processes is worth it: factor files have a row a step."""


@dataclass(frozen=True)
class Member:
    """A run, what it logged and what it spent; `problems` adds what could not be read of that."""

    run: Run
    curves: Curves = field(default_factory=Curves)
    energy: Energy | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Runs of one method on one data set, which differ in their seeds.

    Attributes:
        counted: the runs that enter the means, one per seed, by seed.
        repeated: seeds that several runs share; the newest run of each counts.
    """

    method: str
    dataset: str
    counted: list[Member]
    repeated: list[str]

    def values(self, metric: str) -> dict[str, float]:
        """A final metric by seed, of the runs that have it."""
        runs = [member.run for member in self.counted]
        return {run.seed: run.metrics[metric] for run in runs if metric in run.metrics}

    def summary(self, metric: str) -> Summary | None:
        """Mean, standard deviation and number of a final metric."""
        return summarise(list(self.values(metric).values()))

    def curve(self, pick: Callable[[Curves], Series | None]) -> list[Point]:
        """A curve averaged over the runs that have it."""
        found = (pick(member.curves) for member in self.counted)
        return average(series for series in found if series)

    def names(self, pick: Callable[[Curves], Iterable[Any]]) -> list[Any]:
        """What any of the runs has, in alphabetical order."""
        return sorted({name for member in self.counted for name in pick(member.curves)})


@dataclass(frozen=True)
class Comparison:
    """Everything a report is about.

    Attributes:
        members: all runs that were found.
        groups: those of them that can be compared.
        library: what is known of the classes in their configs.
    """

    members: list[Member]
    groups: list[Group]
    library: Library

    @cached_property
    def methods(self) -> list[str]:
        """Rows: those with fewer modulations first, as baselines are."""
        order = {}
        for group in self.groups:
            facts = group.counted[0].run.facts
            order[group.method] = (len(modulations(facts, self.library)), group.method)
        return sorted(order, key=order.__getitem__)

    @cached_property
    def datasets(self) -> list[str]:
        """Columns."""
        return sorted({group.dataset for group in self.groups})

    def metrics(self, dataset: str) -> set[str]:
        """Names of the final metrics that any counted run on a data set has."""
        members = (member for group in self.ordered(dataset) for member in group.counted)
        return {name for member in members for name in member.run.metrics}

    @property
    def all_metrics(self) -> set[str]:
        """Names of the final metrics that any counted run has."""
        return {name for dataset in self.datasets for name in self.metrics(dataset)}

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
    """Read the curves of runs and sort them into groups.

    Args:
        runs: all runs.
        library: what is known of the classes in their configs.
        by: config keys that make the rows instead of the derived method.
        count_all: whether unfinished runs enter the means too; those that diverged never do.

    Raises:
        UserError: a key in `by` stands in no config.
    """
    members = read_members(runs)
    usable = [m for m in members if m.run.facts and m.run.may_count(count_all)]
    check_keys(by, [member.run for member in members])
    datasets = _label(usable, lambda m: dataset_name(m.run.facts), _facts_of("data", library))
    if by:
        rows = [", ".join(f"{key}={value_of(m.run, key)}" for key in by) for m in usable]
    else:
        rows = _label_methods(usable, datasets, library)
    cells: dict[tuple[str, str], list[Member]] = {}
    for member, cell in zip(usable, zip(rows, datasets)):
        cells.setdefault(cell, []).append(member)
    groups = [_one_per_seed(method, dataset, cells[method, dataset]) for method, dataset in cells]
    return Comparison(members, groups, library)


def read_members(runs: Sequence[Run]) -> list[Member]:
    """Read the files of all runs, on all cores where there are many."""
    if len(runs) < MANY_RUNS:
        return [read_member(run) for run in runs]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(read_member, runs, chunksize=8))


def read_member(run: Run) -> Member:
    """Read the files of a run that hold more than its outcome."""
    curves = read_curves(run.path)
    problems = [*run.problems, *curves.problems]
    return Member(run, curves, read_energy(run.path, problems), problems)


def _facts_of(wanted: Any, library: Library) -> Callable[[Member], Facts]:
    return lambda member: select(member.run.facts, wanted, library.observers)


def _label_methods(members: list[Member], datasets: list[str], library: Library) -> list[str]:
    """Name methods; two that go by one name on one data set are told apart by what differs."""
    labels: dict[int, str] = {}
    for dataset in set(datasets):
        here = [i for i, name in enumerate(datasets) if name == dataset]
        group = [members[i] for i in here]
        names = _label(
            group, lambda m: method_name(m.run.facts, library), _facts_of("method", library)
        )
        labels.update(zip(here, names))
    return [labels[i] for i in range(len(members))]


def _label(
    members: list[Member], base: Callable[[Member], str], facts: Callable[[Member], Facts]
) -> list[str]:
    """Base names, each with what tells it apart from others of the same base name."""
    names = [base(member) for member in members]
    labels = list(names)
    for name in set(names):
        same = [i for i, other in enumerate(names) if other == name]
        for i, suffix in zip(same, suffixes([facts(members[i]) for i in same])):
            labels[i] = f"{name} · {suffix}" if suffix else name
    return labels


def _one_per_seed(method: str, dataset: str, members: list[Member]) -> Group:
    """Keep the newest run of each seed: repeats of a seed are no independent samples."""
    newest: dict[str, Member] = {}
    for member in sorted(members, key=lambda m: (m.run.started, m.run.name)):
        newest[member.run.seed] = member
    counts = Counter(member.run.seed for member in members)
    seeds = sorted(newest, key=lambda seed: (len(seed), seed))
    repeated = [seed for seed in seeds if counts[seed] > 1]
    return Group(method, dataset, [newest[seed] for seed in seeds], repeated)


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
