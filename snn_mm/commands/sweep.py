"""`snnmm sweep FILE`: a grid of experiments, settings and seeds; needs no torch."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from snn_mm.commands import report
from snn_mm.commands.listing import aligned
from snn_mm.config.catalogue import experiment_folders
from snn_mm.config.options import RunOptions, run_setting
from snn_mm.config.tree import read_flags
from snn_mm.config.trust.packages import FLAG, as_flags, split_flags
from snn_mm.errors import UserError
from snn_mm.run.directory import RUNNING
from snn_mm.run.identity import check_folder_name, check_root
from snn_mm.sweep.attempt import is_busy
from snn_mm.sweep.cells import Sweep, SweepCell, rows_of, unfinished
from snn_mm.sweep.definition import config_files, describe, settle_definition
from snn_mm.sweep.folds import folded
from snn_mm.sweep.grid import (
    Axis,
    check_distinct,
    make_axes,
    meaning,
    without_wrappers,
)
from snn_mm.sweep.launch import ForkStart, FreshStart, Launch
from snn_mm.sweep.progress import Progress
from snn_mm.sweep.request import read_request
from snn_mm.sweep.scheduler import Scheduler, child_environment
from snn_mm.sweep.scripts import CELL, pick, to_commands, to_sbatch, to_wandb

# -P as for `snnmm` itself: the working directory is not where modules come from.
FIT = (sys.executable, "-P", "-m", "snn_mm")
USAGE = "snnmm sweep FILE.yaml [--seeds N] [--grid KEY=VALUE,VALUE ...] [--KEY VALUE ...]"
EPILOG = """\
FILE is an experiment, or a sweep file: `experiments`, and with them any of `grid`, `seeds`,
`seed_keys`, `folds`, `flags`, `name`; what is given on the command line wins over it.

Every other flag goes to `snnmm fit`. Run the same command again to go on after an interruption:
finished runs are left alone, others go on from their last epoch, failed ones are tried again.

  snnmm sweep experiments/quickstart.yaml --seeds 5 --grid model.fusion=Concat,FiLM
  snnmm sweep experiments/quickstart.yaml --grid 'model.encoders.audio.channels=[[8,16],[16,32]]'
  snnmm sweep experiments/table.yaml --data.table samples.csv --folds 5
  snnmm sweep experiments/quickstart.yaml --seeds 3 --grid update=with_iemf.yaml,without.yaml
  snnmm sweep experiments/sweeps/methods_digits.yaml --jobs 2"""
WARM = "snn_mm.commands.warm"
"""What `--warm` imports before it forks; a name only, since it takes torch."""
OURS = ("run.id", "run.name", "resume", "print_config", "help")


def run(argv: list[str], fit: Sequence[str] = FIT) -> int:
    """Run what is left of a sweep, then report.

    Args:
        argv: what was typed after `snnmm`.
        fit: the program that answers `fit`.

    Returns:
        The exit code: 0, 1 if a run failed, or 128 plus the signal that ended the sweep.
    """
    options, flags = _parse(argv[1:])
    sweep = make_sweep(options, flags)
    facts, cells = describe(sweep), sweep.cells()
    if options.cell:
        return train(pick(sweep, options.cell), fit)
    if options.print is not None:
        print(script(options.print, sweep, argv), end="")
        return 0
    if options.dry_run:
        print("\n".join(aligned([(cell.run.run_id, state(cell)) for cell in cells])))
        return 0
    settle_definition(sweep, facts, options.extend)
    return execute(sweep, cells, options, fit)


def make_sweep(options: argparse.Namespace, flags: list[str]) -> Sweep:
    """Build the sweep that the options ask for.

    Raises:
        UserError: the sweep file, a flag or the name is wrong.
    """
    request = read_request(Path(options.file)).overruled(options, flags)
    axes = tuple(make_axes(request.grid, request.seeds, request.seed_keys, request.rows))
    if not axes and len(request.experiments) < 2 and request.folds is None:
        raise UserError("nothing to sweep: give --seeds 5, or --grid KEY=VALUE,VALUE, or both")
    check_distinct(map(str, request.experiments), "experiment", same=meaning)
    check_folder_name("--name", request.name)
    sweep = Sweep(request.name, Path(), request.experiments, axes, request.flags)
    sweep = folded(sweep, request.folds)
    check_flags(request.flags, sweep.axes)
    root = Path(run_setting("root", config_files(sweep), list(request.flags)) or RunOptions.root)
    check_root("run.root", root)
    sweep = replace(sweep, root=root)
    if any(split_flags(cell.start)[1] for cell in sweep.cells()):
        raise UserError(
            f"{options.file}: {FLAG} is not for a file to say; type it, or leave it out"
        )
    return sweep


def check_flags(flags: Sequence[str], axes: Sequence[Axis]) -> None:
    """Refuse flags that are the sweep's own business, or varied as well.

    Raises:
        UserError: there is one.
    """
    varied = {
        without_wrappers(key): axis.name for axis in axes if not axis.is_files for key in axis.keys
    }
    for entry in read_flags(list(flags)):
        if entry.key in OURS:
            raise UserError(f"--{entry.key}: a sweep names and resumes its runs itself; see --name")
        if entry.key in varied:
            raise UserError(f"--{entry.key} is varied by {varied[entry.key]} already")


def execute(
    sweep: Sweep, cells: list[SweepCell], options: argparse.Namespace, fit: Sequence[str]
) -> int:
    """Run what is left, then compare what is there."""
    left = unfinished(cells)
    done = sum(cell.is_finished for cell in cells)
    diverged = len(cells) - len(left) - done
    with Progress(len(cells), done, options.jobs, options.metric, diverged) as progress:
        before = f"{done} finished, " + (f"{diverged} diverged, " if diverged else "")
        progress.note(f"{sweep.folder}: {len(cells)} runs, {before}{len(left)} to go")
        scheduler = Scheduler(left, launch(options, fit), options.jobs, progress)
        scheduler.run()
    if scheduler.signals:
        over = f"{progress.done} of {len(cells)} runs finished"
        print(f"interrupted: {over}; the same command goes on")
        return 128 + signal.Signals(scheduler.signals[0])
    diverging = f"{progress.diverged} diverged, " if progress.diverged else ""
    print(f"{progress.done} of {len(cells)} runs finished, {diverging}{progress.failures} failed")
    if progress.done:
        more = [] if options.metric is None else [f"--metric={options.metric}"]
        more += ["--output", str(sweep.folder / "report"), *rows_of(sweep)]
        report.run(["report", str(sweep.folder), *more])
    return 1 if scheduler.failures else 0


def launch(options: argparse.Namespace, fit: Sequence[str]) -> Launch:
    """How runs are started: each in a fresh process, or forked from one that is warm."""
    if not options.warm:
        return FreshStart(fit)
    environment = child_environment(dict(os.environ), slot=0, jobs=options.jobs)
    # A run is a command line of its own, so what answers it is named, as in FIT.
    return ForkStart(environment, import_module("snn_mm.cli").main, [WARM])


def train(cell: SweepCell, fit: Sequence[str]) -> int:
    """Become the `snnmm fit` of one run, so that signals of whoever started us reach it."""
    if not cell.is_over:
        os.execv(fit[0], [*fit, *cell.command])  # noqa: S606
    print(f"{cell.run.run_id} is over")
    return 0


def script(kind: str, sweep: Sweep, argv: Sequence[str]) -> str:
    """The sweep as others run it."""
    if kind == "commands":
        return to_commands(sweep.cells())
    if kind == "sbatch":
        return to_sbatch(sweep, sweep.cells())
    printing = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    printing.add_argument("--print")
    _, words = printing.parse_known_args(argv)
    files = (folder / "_base" / "wandb.yaml" for folder in experiment_folders())
    words += as_flags()
    return to_wandb(sweep, words, next((file for file in files if file.is_file()), None))


def state(cell: SweepCell) -> str:
    """How far a run is."""
    return RUNNING if is_busy(cell.run) else cell.state()


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split what is typed into the sweep's options and flags for `fit`."""
    parser = _parser()
    if {"-h", "--help"} & set(arguments):
        parser.parse_args(["--help"])
    if not arguments or arguments[0].startswith("-"):
        raise UserError(f"which experiment or sweep file? it comes first\n{USAGE}")
    options, flags = parser.parse_known_args(arguments[1:])
    options.file = arguments[0]
    return options, flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm sweep",
        usage=USAGE,
        epilog=EPILOG,
        description="Train a grid of settings and seeds, one `snnmm fit` each, then report.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--seeds", metavar="N", help="seeds 0 to N-1, or seeds with commas: 3,7,11")
    add(
        "--seed-keys",
        metavar="KEYS",
        help="what gets the seed, with commas (seed_everything); add data.seed to draw data anew",
    )
    add(
        "--grid",
        action="append",
        default=[],
        metavar="KEY=A,B",
        help="vary a key of the config; of config files, any name: add one of them to the "
        "experiment. May be repeated",
    )
    add(
        "--folds", nargs="?", const="", metavar="K", help="a run a fold: K, or data.folds.k of them"
    )
    add("--experiments", metavar="A,B", help="other experiments than those of a sweep file")
    add("--jobs", type=positive, default=1, metavar="N", help="how many run at a time (1)")
    add("--warm", action="store_true", help="import torch once, and fork the runs: seconds less")
    add("--name", help="folder of the sweep below the runs (that of the file)")
    add("--metric", help="what is shown (as `snnmm report` chooses it)")
    add("--extend", action="store_true", help="add new values to a sweep that was started")
    add("--dry-run", action="store_true", help="list the runs and how far they are")
    add(CELL, nargs="+", metavar="KEY=A", help="train one run of it, as agents of W&B do")
    add("--print", choices=("commands", "sbatch", "wandb"), help="print it for others to run")
    return parser


def positive(text: str) -> int:
    """A count of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count; accepted: 1, 2, ...")
    return int(text)
