"""`--folds` makes one run a fold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.sweep.cells import Sweep, rows_of
from snn_mm.sweep.folds import folded


def test_there_is_a_run_for_each_fold_and_seed(make_sweep: Callable[..., Sweep]) -> None:
    sweep = folded(make_sweep(seeds="2"), "3")
    cells = sweep.cells()
    assert [cell.run.run_id for cell in cells] == [
        f"fold={fold}+seed={seed}" for fold in range(3) for seed in range(2)
    ]
    assert {"--data.folds.k=3", "--data.fold=2"} <= set(cells[-1].start)
    assert rows_of(sweep) == []  # folds are averaged, as seeds are


def test_the_config_says_how_many_folds_there_are(
    experiment: Path, make_sweep: Callable[..., Sweep]
) -> None:
    experiment.write_text("data:\n  class_path: CremaD\n  init_args:\n    folds: {k: 4}\n")
    assert len(folded(make_sweep(), "").cells()) == 4
    assert len(folded(make_sweep(flags=("--data.folds.k", "6")), "").cells()) == 6


def test_folds_of_unknown_number_are_refused(make_sweep: Callable[..., Sweep]) -> None:
    with pytest.raises(UserError, match=r"data\.folds\.k is nowhere; accepted: 2 or more"):
        folded(make_sweep(), "")
    with pytest.raises(UserError, match=r"--folds one; accepted: 2 or more"):
        folded(make_sweep(), "one")


def test_folds_that_are_varied_already_are_refused(make_sweep: Callable[..., Sweep]) -> None:
    with pytest.raises(UserError, match=r"--folds varies data\.fold, and so does --grid"):
        folded(make_sweep("data.fold=0,1"), "3")


def test_the_command_makes_them(
    run_sweep: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_sweep("--folds", "3", "--dry-run") == 0
    assert capsys.readouterr().out.split() == [
        word for fold in range(3) for word in (f"fold={fold}", "waiting")
    ]
