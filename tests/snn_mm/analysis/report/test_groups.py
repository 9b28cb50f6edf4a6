"""Sorting runs into rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.groups import Comparison, compare
from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.run_files import MANY_RUNS, read_run, read_runs
from snn_mm.errors import UserError

MakeRun = Callable[..., Path]
LIBRARY = Library({"IEMF": {"gamma": 1.0}}, frozenset({"FiringRateMonitor"}))
METRIC = "test/accuracy/fused"
KS = {"class_path": "datamodules.KineticsSounds", "init_args": {"root": "data"}}


def callback(name: str, **options: Any) -> dict[str, Any]:
    return {"class_path": f"snn_mm.callbacks.{name}", "init_args": options}


def gather(paths: list[Path], **options: Any) -> Comparison:
    return compare([read_run(path) for path in paths], LIBRARY, **options)


def test_seeds_of_one_method_make_one_group(make_run: MakeRun) -> None:
    paths = [make_run(f"a/{s}", seed=s, accuracy=0.5 + 0.1 * s) for s in range(3)]
    (group,) = gather(paths).groups
    assert group.values(METRIC) == pytest.approx({"0": 0.5, "1": 0.6, "2": 0.7})


def test_baselines_come_first(make_run: MakeRun) -> None:
    paths = [make_run("a/1", **{"trainer.callbacks": [callback("IEMF")]}), make_run("b/1")]
    assert gather(paths).methods == [
        "IEMFModule · Concat · SNN T=4",
        "IEMFModule · Concat · IEMF · SNN T=4",
    ]


def test_methods_of_one_name_are_told_apart_by_what_differs(make_run: MakeRun) -> None:
    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
    paths = [make_run("a/1"), make_run("a/2", **{"model.optimizer": sgd})]
    assert [m.rsplit(" · ")[-1] for m in gather(paths).methods] == [
        "optimizer.lr=0.05",
        "optimizer.lr=0.1",
    ]


def test_a_row_spans_data_sets(make_run: MakeRun) -> None:
    comparison = gather([make_run("a/1"), make_run("b/1", data=KS)])
    assert len(comparison.methods) == 1
    assert comparison.datasets == ["DigitsAV", "KineticsSounds"]


def test_variants_of_a_data_set_are_columns_of_their_own(make_run: MakeRun) -> None:
    noisy = {"class_path": "datamodules.DigitsAV", "init_args": {"snr_db": {"audio": 0.0}}}
    clean = {"class_path": "datamodules.DigitsAV", "init_args": {"snr_db": {"audio": 9.0}}}
    comparison = gather([make_run("a/1", data=noisy), make_run("a/2", data=clean)])
    assert comparison.datasets == ["DigitsAV · snr_db.audio=0", "DigitsAV · snr_db.audio=9"]


def test_only_finished_runs_count_unless_all_do(make_run: MakeRun) -> None:
    paths = [make_run("a/1"), make_run("a/2", seed=2, status="failed")]
    assert [len(g.counted) for g in gather(paths).groups] == [1]
    assert [len(g.counted) for g in gather(paths, count_all=True).groups] == [2]


def test_runs_that_diverged_stand_apart_whatever_counts(make_run: MakeRun) -> None:
    paths = [make_run("a/1"), make_run("a/2", seed=2, status="diverged")]
    for count_all in (False, True):
        (group,) = gather(paths, count_all=count_all).groups
        assert [run.seed for run in group.counted] == ["0"]


def test_of_a_repeated_seed_the_newest_run_counts(make_run: MakeRun) -> None:
    new = make_run("a/1", accuracy=0.9, environment={"started": "2026-02-01T00:00:00+0000"})
    old = make_run("a/2", accuracy=0.1, environment={"started": "2026-01-01T00:00:00+0000"})
    (group,) = gather([new, old]).groups
    assert group.repeated == ["0"]
    assert group.values(METRIC) == {"0": 0.9}


def test_by_makes_rows_of_a_key(make_run: MakeRun) -> None:
    paths = [make_run(f"a/{n}", **{"trainer.max_epochs": n}) for n in (2, 5)]
    assert gather(paths, by=["trainer.max_epochs"]).methods == [
        "trainer.max_epochs=2",
        "trainer.max_epochs=5",
    ]


def test_by_accepts_keys_as_in_the_file_and_the_experiment(make_run: MakeRun) -> None:
    comparison = gather([make_run("a/1")], by=["model.init_args.joint_weight", "experiment"])
    assert comparison.methods == ["model.init_args.joint_weight=1, experiment=a"]


def test_by_an_unknown_key_names_those_near_it(make_run: MakeRun) -> None:
    with pytest.raises(UserError, match=r"trainer\.max_epochs"):
        gather([make_run("a/1")], by=["trainer.max_epoch"])


def test_letters_go_on_after_z(make_run: MakeRun) -> None:
    paths = [make_run(f"a/{n:02d}", **{"trainer.max_epochs": n}) for n in range(10, 40)]
    comparison = gather(paths, by=["trainer.max_epochs"])
    keys = [comparison.key(method) for method in comparison.methods]
    assert keys[:2] + keys[25:28] == ["A", "B", "Z", "AA", "AB"]
    assert len(set(keys)) == 30


def test_many_runs_are_read_like_few(make_run: MakeRun) -> None:
    paths = [make_run(f"a/{s:03d}", seed=s) for s in range(MANY_RUNS)]
    many, few = read_runs([paths[0].parent]), read_runs(paths[:2])
    assert len(many) == MANY_RUNS
    assert [vars(run) for run in many[:2]] == [vars(run) for run in few]


def test_a_curve_counts_the_runs_that_reached_an_epoch(make_run: MakeRun) -> None:
    first, second = (make_run(f"a/{seed}", seed=seed) for seed in (0, 1))
    (first / "metrics.csv").write_text("epoch,val/x\n0,1.0\n1,3.0\n")
    (second / "metrics.csv").write_text("epoch,val/x\n0,3.0\n")
    (group,) = gather([first, second]).groups
    points = group.curve("val/x")
    assert points[0] == pytest.approx((1, 2.0, 2.0 - 2**0.5, 2.0 + 2**0.5))
    assert points[1] == Point(2, 3.0, 3.0, 3.0)
    assert group.curve("val/y") == []


def test_folds_of_one_method_make_one_row_paired_by_fold(make_run: MakeRun) -> None:
    folds = [{"data.folds": {"by": "group", "k": 3}, "data.fold": fold} for fold in range(3)]
    paths = [make_run(f"a/{i}", accuracy=0.5 + 0.1 * i, **fold) for i, fold in enumerate(folds)]
    group, *others = gather(paths).groups
    assert not others
    expected = {f"0, fold {fold}": 0.5 + 0.1 * fold for fold in range(3)}
    assert group.values(METRIC) == pytest.approx(expected)
