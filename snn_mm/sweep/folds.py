"""`--folds`: one run for each fold of a cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from snn_mm.config.tree import read_entries
from snn_mm.errors import UserError
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.definition import config_files
from snn_mm.sweep.grid import FOLD, SEED, Axis

NUMBER = "data.folds.k"
"""The key that says how many folds there are."""

KEY = "data.fold"
"""The key that says which of them tests."""


def folded(sweep: Sweep, asked: str | None) -> Sweep:
    """A sweep with a run for each fold, or as it is.

    Args:
        sweep: without folds.
        asked: what `--folds` was given; empty leaves it to the flags and config files, None leaves
            the sweep as it is.

    Raises:
        UserError: nothing says how many, or folds are varied otherwise.
    """
    if asked is None:
        return sweep
    k = number_of_folds(asked, config_files(sweep), sweep.flags)
    flags = (*sweep.flags, *([f"--{NUMBER}={k}"] if asked else []))
    return replace(sweep, axes=with_folds(sweep.axes, k), flags=flags)


def number_of_folds(asked: str, configs: Sequence[Path], flags: Sequence[str]) -> int:
    """How many folds a sweep has.

    Args:
        asked: what `--folds` was given; empty leaves it to the flags and config files.
        configs: all config files.
        flags: of every run.

    Raises:
        UserError: nothing says so, or it is no number from 2 on.
    """
    entries = reversed(read_entries(list(configs), list(flags)))
    told = next((entry.value for entry in entries if ".".join(entry.path) == NUMBER), None)
    said = asked or told or ""
    if not said.isdecimal() or not 2 <= int(said) <= 10_000:
        found = f"--folds {said[:40]}" if asked else f"{NUMBER} is {said[:40] or 'nowhere'}"
        raise UserError(f"{found}; accepted: 2 or more, as in --folds 5")
    return int(said)


def with_folds(axes: Sequence[Axis], k: int) -> tuple[Axis, ...]:
    """The axes of a sweep and that of its folds, before the seeds.

    Raises:
        UserError: the folds are varied already.
    """
    if any(key in (KEY, NUMBER) for axis in axes for key in axis.keys):
        raise UserError(f"--folds varies {KEY}, and so does --grid")
    folds = Axis((KEY,), tuple(map(str, range(k))), FOLD)
    others = [axis for axis in axes if axis.label != SEED]
    return (*others, folds, *(axis for axis in axes if axis.label == SEED))
