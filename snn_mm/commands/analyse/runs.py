"""Which runs an analysis is about, and where its findings go."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.report.groups import Comparison, Group, compare
from snn_mm.analysis.report.run_files import find_runs, read_runs
from snn_mm.analysis.report.wording import joined
from snn_mm.commands.report import known_library
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from snn_mm.analysis.workers import Progress, RunPlace
    from snn_mm.config.restore import Restored

CURVE_METRIC = "val/accuracy/fused"
FINAL_METRIC = "test/accuracy/fused"
FOLDER = "analysis"
PARTS = ("test", "val", "train")
DEVICES = ("auto", "cpu", "cuda")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """The runs that a kind compares."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUNS", help="run directories or folders above them"
    )


def add_run(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """The one run that a kind looks into, and where its data are."""
    add = parser.add_argument
    count = None if required else "?"
    add("run", nargs=count, type=Path, metavar="RUN", help="a run directory, or a folder above one")
    add("--split", choices=PARTS, default=PARTS[0], help=f"whose clips ({PARTS[0]})")
    add_data_root(parser, "where the data lie now")


def add_data_root(parser: argparse.ArgumentParser, what: str = "where data lie now") -> None:
    """Where data were moved to."""
    parser.add_argument("--data.root", dest="data_root", metavar="DIR", help=what)


def add_device(parser: argparse.ArgumentParser, what: str) -> None:
    """Where a network computes."""
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=f"where {what} (cpu)")


def add_by(parser: argparse.ArgumentParser) -> None:
    """What tells methods apart."""
    parser.add_argument(
        "--by", nargs="+", default=[], metavar="KEY", help="config keys that tell methods apart"
    )


def add_compute(parser: argparse.ArgumentParser) -> None:
    """How many processes measure, where, and where data lie."""
    help_of_jobs = "processes (one a CPU core; 1 on a GPU)"
    parser.add_argument("--jobs", type=int, default=0, help=help_of_jobs)
    add_device(parser, "networks run")
    add_data_root(parser)


def beside(paths: Sequence[Path]) -> Path:
    """`analysis` in the folder that holds all of the paths."""
    return Path(os.path.commonpath([path.resolve() for path in paths])) / FOLDER


def read_groups(paths: Iterable[Path], by: Sequence[str] = ()) -> Comparison:
    """The finished runs at or below the paths, as methods on one data set.

    Args:
        paths: run directories or folders above them.
        by: config keys that tell methods apart instead of everything.

    Raises:
        UserError: there is none, or they are of several data sets.
    """
    runs = read_runs(paths)
    comparison = compare(runs, known_library(), by)
    if not comparison.groups:
        counts = Counter(run.status for run in runs)
        found = ", ".join(f"{number} {status}" for status, number in counts.items())
        raise UserError(f"no finished run among {len(runs)} ({found})\nfirst: {runs[0].path}")
    if len(comparison.datasets) > 1:
        examples = [
            next(g for g in comparison.groups if g.dataset == d) for d in comparison.datasets
        ]
        named = "\n".join(f"{g.dataset}: {g.counted[0].path}" for g in examples[:3])
        raise UserError(f"the runs are of {len(examples)} data sets; analyse them apart\n{named}")
    return comparison


def require_metric(groups: Iterable[Group], metric: str) -> None:
    """Refuse runs without a final metric.

    Raises:
        UserError: names the first.
    """
    for group in groups:
        for run in group.counted:
            if metric not in run.metrics:
                known = sorted(n for n in run.metrics if n.startswith("test/"))
                has = joined([n for n in known if "accuracy" in n] or known or ["no test"])
                raise UserError(f"{run.path}: results.json has no {metric}\nit has {has}")


def in_order(paths: Iterable[Path]) -> list[Path]:
    """The runs at or below each path, in the order of the paths."""
    return list(dict.fromkeys(run for path in paths for run in find_runs([path])))


def name_runs(paths: list[Path], labels: list[str] | None) -> dict[str, Path]:
    """Runs by what figures call them: labels, else ids, with the experiment where it differs.

    Raises:
        UserError: as many labels as runs are accepted, each once.
    """
    if labels is not None and (len(labels) != len(paths) or len(set(labels)) != len(labels)):
        raise UserError(
            f"--labels: {len(labels)} given; accepted are {len(paths)} different ones, "
            f"in the order {', '.join(path.name for path in paths)}"
        )
    same = len({path.parent for path in paths}) == 1
    names = labels or [p.name if same else f"{p.parent.name}/{p.name}" for p in paths]
    return dict(zip(names, paths, strict=True))


def open_one(options: argparse.Namespace, device: str = "cpu") -> Restored:
    """Restore the run that was asked for, on a device.

    Raises:
        UserError: there is none, or several.
    """
    found = find_runs([options.run])
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:3])
        raise UserError(f"{options.run} holds {len(found)} runs; give one of them\n{names}")
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import restore

    silence()
    stages = ("test",) if options.split == "test" else ("fit", "test")
    return restore(found[0], device, options.data_root, stages)


def choose_device(name: str) -> str:
    """A device by name; `auto` is a GPU if there is one.

    Raises:
        UserError: there is no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"--device {name}: torch sees no GPU here; see `snnmm doctor`")
    return name


def choose_jobs(asked: int, device: str) -> int:
    """How many processes measure: as asked; else one a CPU core, and one on a GPU."""
    return asked or (1 if device.startswith("cuda") else os.cpu_count() or 1)


def run_places(comparison: Comparison, options: argparse.Namespace) -> tuple[list[RunPlace], int]:
    """Where the runs of a comparison are measured, and by how many processes.

    Args:
        comparison: the runs.
        options: those of `add_compute`.
    """
    from snn_mm.analysis.workers import RunPlace
    from snn_mm.commands.quiet import silence

    silence()
    device = choose_device(options.device)
    paths = [run.path for group in comparison.groups for run in group.counted]
    places = [RunPlace(path, device, options.data_root) for path in paths]
    return places, choose_jobs(options.jobs, device)


@contextmanager
def progress_bar(name: str) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
