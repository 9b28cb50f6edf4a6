"""What `snnmm fit` and its siblings accept beside trainer, model and data."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from snn_mm.config.tree import Entry, check_configs, read_entries
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, find_run
from snn_mm.run.identity import newest_unfinished

STAGES = ("fit", "validate", "test", "predict")


@dataclass
class RunOptions:
    """Where a run is kept.

    Attributes:
        root: folder of all runs; a run lies in `<root>/<name>/<id>`.
        name: name of the experiment; without it, that of the first config file.
        id: name of the run; without it, made of time and seed, or of the SLURM job.
        profile: which reading of a paper the run follows, such as `paper` or `released`; recorded.
        save_every_minutes: how much work an abrupt end can cost: `last.ckpt` is written after so
            long, amid an epoch too, and whenever an epoch is over; null: only then.
        save_every_steps: the same by optimizer steps; null: by time alone.
        rank_timeout_minutes: after so long a rank gives up waiting for the others of a training.
    """

    root: str = "runs"
    name: str | None = None
    id: str | None = None
    profile: str | None = None
    save_every_minutes: float | None = 10.0
    save_every_steps: int | None = None
    rank_timeout_minutes: float = 10.0


@dataclass(frozen=True)
class Command:
    """A command line, with run directories turned into the files they stand for.

    Attributes:
        stage: `fit`, `validate`, `test` or `predict`.
        arguments: what the parser gets, the stage first.
        configs: config files in the order in which they apply.
        experiment: name of the experiment when no `run.name` is given.
        resumed: the run that `--resume` goes on with.
        checkpoint: the file whose weights are loaded.
        force: whether a run goes on although what decides its end has changed.
    """

    stage: str
    arguments: list[str]
    configs: list[Path] = field(default_factory=list)
    experiment: str = "run"
    resumed: RunDirectory | None = None
    checkpoint: Path | None = None
    force: bool = False

    @cached_property
    def entries(self) -> list[Entry]:
        """Every key that the config files and the flags set."""
        return read_entries(self.configs, self.arguments)


def read_command(argv: list[str]) -> Command:
    """Resolve `--resume` and `--ckpt_path` before the real parser sees the command line.

    Raises:
        UserError: there is no such run or checkpoint, or nothing says what to train.
    """
    stage, rest = argv[0], argv[1:]
    if stage not in STAGES:
        raise UserError(f"unknown command {stage!r}; accepted: {', '.join(STAGES)}")
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--resume")
    parser.add_argument("--ckpt_path")
    parser.add_argument("--force", action="store_true")
    given = parser.parse_known_args(rest)[0]
    if given.force and stage != "fit":
        raise UserError("--force belongs to `snnmm fit`")
    rest = [argument for argument in rest if argument != "--force"]
    command = (_start if given.resume is None else _resume)(stage, rest, given)
    return replace(command, force=given.force)


def _start(stage: str, rest: list[str], given: argparse.Namespace) -> Command:
    configs, checkpoint, added = [Path(path) for path in given.config], None, []
    if given.ckpt_path is not None:
        checkpoint, run = find_checkpoint(Path(given.ckpt_path))
        if run is not None and not configs and run.config.is_file():
            configs, added = [run.config], ["--config", str(run.config)]
    check_configs(configs)
    experiment = run_setting("name", configs, rest) or (configs[0].stem if configs else "run")
    arguments = [stage, *added, *without(rest, "--ckpt_path")]
    return Command(stage, arguments, configs, experiment, checkpoint=checkpoint)


def _resume(stage: str, rest: list[str], given: argparse.Namespace) -> Command:
    """Go on with a run: its own config comes first, further flags win."""
    if stage != "fit" or given.ckpt_path is not None:
        raise UserError("--resume belongs to `snnmm fit`, and without --ckpt_path")
    rest = without(rest, "--resume")
    if given.resume == "auto":
        configs = [Path(path) for path in given.config]
        experiment = run_setting("name", configs, rest) or (configs[0].stem if configs else "run")
        root = run_setting("root", configs, rest) or RunOptions.root
        run = newest_unfinished(Path(root), experiment)
        if run is None:
            return _start(stage, rest, given)
        rest = without(without(rest, "--config"), "-c")
        given.config = []
    else:
        run = find_run(Path(given.resume))
    if run is None or not run.config.is_file():
        raise UserError(
            f"--resume {given.resume}: no run directory (it would hold config.yaml)\n"
            "accepted: a run directory such as runs/quickstart/<run id>, or auto"
        )
    checkpoint = run.last if run.last.is_file() else None
    arguments = [stage, "--config", str(run.config), *rest]
    configs = [run.config, *map(Path, given.config)]
    check_configs(configs)
    return Command(stage, arguments, configs, run.experiment, run, checkpoint)


def run_setting(name: str, configs: list[Path], flags: list[str]) -> str | None:
    """What flags or else the last of the configs say about the run; None if they say nothing."""
    entries = reversed(read_entries(configs, flags))
    value = next((entry.value for entry in entries if entry.path == ("run", name)), None)
    return None if value == "null" else value  # the config that a run saves has all keys


def find_checkpoint(path: Path) -> tuple[Path, RunDirectory | None]:
    """The checkpoint file a path stands for, and the run it belongs to.

    Args:
        path: a checkpoint file, or a run directory, which stands for its best checkpoint.

    Raises:
        UserError: there is no such file, or the run has no checkpoint.
    """
    run = find_run(path)
    if path.is_dir():
        files = [] if run is None else [run.best, run.last]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            raise UserError(f"--ckpt_path {path}: no checkpoint in this directory")
        return found, run
    if not path.is_file():
        raise UserError(
            f"--ckpt_path {path}: no such file\naccepted: a checkpoint or a run directory"
        )
    return path.resolve(), run


def without(arguments: list[str], flag: str) -> list[str]:
    """Arguments less a flag and its value, in both spellings (`--flag x`, `--flag=x`)."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != flag and not argument.startswith(f"{flag}="):
            kept.append(argument)
        skip = not skip and argument == flag
    return kept
