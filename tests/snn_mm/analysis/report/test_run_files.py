"""Finding and reading run directories in any state."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.report.run_files import UNREADABLE, find_runs, read_run
from snn_mm.errors import UserError

MakeRun = Callable[..., Path]


def test_runs_are_found_below_folders_once_and_in_order(make_run: MakeRun) -> None:
    second, first = make_run("b/1"), make_run("a/1")
    assert find_runs([first.parent.parent, first]) == [first, second]


def test_nothing_inside_a_run_is_a_run(make_run: MakeRun) -> None:
    run = make_run("a/1")
    (run / "wandb").mkdir()
    (run / "wandb" / "config.yaml").touch()
    assert find_runs([run.parent]) == [run]


def test_a_run_that_died_at_once_is_found_by_its_lock(tmp_path: Path) -> None:
    (tmp_path / "a" / "1").mkdir(parents=True)
    (tmp_path / "a" / "1" / ".lock").touch()
    assert find_runs([tmp_path]) == [tmp_path / "a" / "1"]


@pytest.mark.parametrize("name", ["", "missing"])
def test_no_run_is_a_mistake_of_the_user(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no run below|no directory"):
        find_runs([tmp_path / name])


def test_a_finished_run_tells_its_facts(make_run: MakeRun) -> None:
    run = read_run(make_run("a/1", seed=3, accuracy=0.75))
    assert (run.status, run.seed, run.commit, run.name) == ("finished", "3", "0123456", "a/1")
    assert run.metrics == {"test/accuracy/fused": 0.75}
    assert run.problems == []


@pytest.mark.parametrize("file", ["results.json", "config.yaml", "environment.json"])
@pytest.mark.parametrize("length", [None, 0, 30])
def test_damage_is_named_and_never_fatal(make_run: MakeRun, file: str, length: int | None) -> None:
    path = make_run("a/1") / file
    text = path.read_text()
    path.unlink() if length is None else path.write_text(text[:length] + '"[' * bool(length))
    (problem,) = read_run(path.parent).problems
    expected = {None: "missing", 0: "cut short|empty", 30: "cut short"}[length]
    assert problem.startswith(f"{file}: ")
    assert any(word in problem for word in expected.split("|"))


@pytest.mark.parametrize("file", ["results.json", "config.yaml"])
def test_without_outcome_or_config_a_run_is_unreadable(make_run: MakeRun, file: str) -> None:
    path = make_run("a/1")
    (path / file).unlink()
    assert read_run(path).status == UNREADABLE


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        ("failed", "RuntimeError: out of memory\nmore", "failed: RuntimeError: out of memory"),
        (
            "running",
            None,
            "no end was noted, and no process holds it: killed, or the disk was full",
        ),
        ("interrupted", "SIGTERM", "interrupted: SIGTERM"),
    ],
)
def test_unfinished_runs_say_why(
    make_run: MakeRun, status: str, error: str | None, expected: str
) -> None:
    path = make_run("a/1", status=status)
    results = json.loads((path / "results.json").read_text())
    (path / "results.json").write_text(json.dumps({**results, "error": error}))
    assert read_run(path).problems == [expected]


def test_a_later_test_of_the_best_checkpoint_counts(make_run: MakeRun) -> None:
    path = make_run("a/1", accuracy=None)
    results = json.loads((path / "results.json").read_text())
    results["evaluations"] = {"test": {"best.ckpt": {"test/accuracy/fused": 0.6}}}
    (path / "results.json").write_text(json.dumps(results))
    assert read_run(path).metrics["test/accuracy/fused"] == 0.6


def test_uncommitted_changes_are_marked(make_run: MakeRun) -> None:
    git = {"commit": "fedcba9876", "dirty": True}
    assert read_run(make_run("a/1", environment={"git": git})).commit == "fedcba9+"


def dated_run(make_run: MakeRun, begin: float, **environment: object) -> Path:
    facts = {"started": "2026-01-01T00:00:00+0000", **environment}
    path = make_run("a/1", environment=facts)
    (path / "checkpoints" / "last.ckpt").touch()
    os.utime(path / "config.yaml", (begin, begin))
    os.utime(path / "checkpoints" / "last.ckpt", (begin + 90, begin + 90))
    return path


START = 1767225600.0  # 2026-01-01T00:00:00 UTC


def test_training_time_is_that_between_its_files(make_run: MakeRun) -> None:
    assert read_run(dated_run(make_run, START + 5)).seconds == pytest.approx(90)


def test_dates_of_a_copy_tell_no_time(make_run: MakeRun) -> None:
    assert read_run(dated_run(make_run, START + 3600)).seconds is None


def test_dates_of_a_resumed_run_tell_no_time(make_run: MakeRun) -> None:
    assert read_run(dated_run(make_run, START, earlier_attempts=[{}])).seconds is None


def test_a_noted_time_wins(make_run: MakeRun) -> None:
    path = dated_run(make_run, START)
    (path / "results.json").write_text('{"status": "finished", "train_seconds": 12}')
    assert read_run(path).seconds == 12.0
