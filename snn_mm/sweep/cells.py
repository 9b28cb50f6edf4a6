"""The runs of a sweep: what each is called and how it is started."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snn_mm.run.directory import FINISHED, OVER, RUNNING, RunDirectory, read_json
from snn_mm.run.lock import RunLock
from snn_mm.sweep.grid import CONFIG, EXPERIMENT, FOLD, SEED, Axis

MAX_ID = 120
UNSAFE = re.compile(r"[^A-Za-z0-9_.=-]+")
"""What is kept out of run ids: they are folder names, words of a shell and ids of W&B."""


@dataclass(frozen=True)
class SweepCell:
    """One run of a sweep.

    Attributes:
        run: its directory, `<root>/<sweep>/<id>`.
        start: arguments of `snnmm` that start it.
    """

    run: RunDirectory
    start: tuple[str, ...]

    @property
    def resume(self) -> tuple[str, ...]:
        """Arguments of `snnmm` that go on with it."""
        return ("fit", "--resume", str(self.run.path))

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments that start it, or that go on with it if it was started before."""
        return self.resume if self.run.results.is_file() else self.start

    @property
    def is_finished(self) -> bool:
        """Whether it came to a good end."""
        return self.run.status() == FINISHED

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: a run that diverged would diverge again."""
        return self.run.status() in OVER

    def state(self) -> str:
        """How far it is, in a few words."""
        status = RunLock(self.run).status()
        if status in (None, FINISHED, RUNNING):
            return status or "waiting"
        results = read_json(self.run.results)
        error = str(results.get("error") or "").strip().split("\n")[0]
        return f"{status} after {results.get('epochs', 0)} epochs" + (f": {error}" if error else "")


@dataclass(frozen=True)
class Sweep:
    """A grid over one experiment or several.

    Attributes:
        name: its folder below the root.
        root: folder of all runs.
        experiments: the config files that are varied.
        axes: what is varied.
        flags: what every run gets beside.
    """

    name: str
    root: Path
    experiments: tuple[Path, ...]
    axes: tuple[Axis, ...]
    flags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its runs lie."""
        return self.root / self.name

    @property
    def common(self) -> tuple[str, ...]:
        """Arguments that every run gets after its config files."""
        return (*self.flags, f"--run.root={self.root}", f"--run.name={self.name}")

    @property
    def all_axes(self) -> tuple[Axis, ...]:
        """What is varied, the experiment first: the other files are read on top of it."""
        return (Axis((CONFIG,), tuple(map(str, self.experiments)), EXPERIMENT), *self.axes)

    @property
    def labelled_axes(self) -> tuple[Axis, ...]:
        """The axes that run ids tell; a single experiment goes without saying."""
        return self.all_axes if len(self.experiments) > 1 else self.axes

    @property
    def choices(self) -> list[tuple[str, ...]]:
        """A value of each axis for every run; the last axis, the seed, changes fastest."""
        return list(itertools.product(*(axis.values for axis in self.all_axes)))

    def told(self, values: tuple[str, ...]) -> list[tuple[Axis, str]]:
        """What a run's id tells of the values of all axes."""
        return list(zip(self.all_axes, values))[-len(self.labelled_axes) :]

    def cells(self) -> list[SweepCell]:
        """Every run, as its choices are ordered."""
        choices = self.choices
        labels = [self._label(values) for values in choices]
        counts = Counter(labels)
        return [
            self._cell(make_id(label, values, counts[label] > 1), values)
            for label, values in zip(labels, choices)
        ]

    def _label(self, values: tuple[str, ...]) -> str:
        pairs = self.told(values)
        return "+".join(f"{axis.label}={file_safe(axis.word(value))}" for axis, value in pairs)

    def _cell(self, name: str, values: tuple[str, ...]) -> SweepCell:
        chosen = list(zip(self.all_axes, values))
        # A later word wins: flags over the files of an axis, an axis over flags.
        flags = [flag for axis, value in chosen for flag in axis.flags(value)]
        files = [flag for flag in flags if flag.startswith(f"--{CONFIG}=")]
        keys = [flag for flag in flags if flag not in files]
        start = ("fit", *files, *self.common, f"--run.id={name}", *keys)
        return SweepCell(RunDirectory(self.folder / name), start)


def file_safe(value: str) -> str:
    """A value as part of a run id, its own minus signs included; never empty."""
    return UNSAFE.sub("\0", value).strip("\0").replace("\0", "-") or "empty"


def make_id(label: str, values: tuple[str, ...], is_taken: bool) -> str:
    """A label as run id; a hash of the values is added where it is too long or not the only one."""
    if len(label) <= MAX_ID and not is_taken:
        return label
    digest = hashlib.sha256("\n".join(values).encode()).hexdigest()[:8]
    return f"{label[: MAX_ID - 9]}~{digest}"


def unfinished(cells: Iterable[SweepCell]) -> list[SweepCell]:
    """The cells that are left to do."""
    return [cell for cell in cells if not cell.is_over]


def rows_of(sweep: Sweep) -> list[str]:
    """Rows of the report by key where trainer or data differ: names of methods tell neither."""
    varied = [axis for axis in sweep.labelled_axes if axis.label not in (SEED, FOLD)]
    keys = [axis.keys[0] for axis in varied]
    if CONFIG in keys or all(key.startswith("model") for key in keys):
        return []
    return [f"--by={','.join(keys)}"]
