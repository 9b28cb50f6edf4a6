"""Sweeps that go well, that fail, that are stopped and that are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep_process import SweepProcess, is_alive, starts

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory
from snn_mm.sweep.scheduler import child_environment

GRID = ("--grid", "model.a=1,2", "--grid", "model.b=3,4", "--seeds", "3")
RUNS = Path("runs/toy-sweep")


def finished() -> list[str]:
    runs = [RunDirectory(path) for path in RUNS.glob("a=*/")]
    return sorted(run.run_id for run in runs if run.status() == "finished")


def has_finished(count: int) -> Callable[[], bool]:
    return lambda: len(finished()) >= count


@pytest.mark.parametrize(("jobs", "how"), [("1", []), ("3", []), ("3", ["--warm"])])
def test_a_sweep_killed_twice_ends_with_every_run_finished_once(
    jobs: str,
    how: list[str],
    background: Callable[..., SweepProcess],
    run_sweep: Callable[..., int],
) -> None:
    flags = (*GRID, "--jobs", jobs)
    background(*flags, *how, seconds=0.4).kill_when(has_finished(3))
    before = {name: starts()[name] for name in finished()}
    background(*flags, *how, seconds=0.4).kill_when(has_finished(7))
    assert run_sweep(*flags) == 0
    assert len(finished()) == 12
    assert {name: starts()[name] for name in before} == before
    # A run that outlived its sweep was waited for, not started beside itself.
    assert sum(map(len, starts().values())) == 12


def test_sweep_and_runs_killed_together_resume_what_was_under_way(
    background: Callable[..., SweepProcess], run_sweep: Callable[..., int]
) -> None:
    for count in (2, 5):
        sweep = background(*GRID, seconds=0.4)
        sweep.kill_when(has_finished(count))
        for pid in {pid for pids in starts().values() for pid in pids if is_alive(pid)}:
            os.kill(pid, signal.SIGKILL)
    assert run_sweep(*GRID) == 0
    assert len(finished()) == 12
    assert 12 <= sum(map(len, starts().values())) <= 14


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGINT, []),
        (signal.SIGTERM, []),
        (signal.SIGHUP, []),
        (signal.SIGTERM, ["--warm"]),
    ],
)
def test_a_signal_ends_the_runs_with_the_sweep(
    number: signal.Signals, how: list[str], background: Callable[..., SweepProcess]
) -> None:
    sweep = background(*GRID, "--jobs", "2", *how, seconds=20)
    assert sweep.kill_when(lambda: len(starts()) == 2, number) == 128 + number
    assert not any(is_alive(pid) for pids in starts().values() for pid in pids)


@pytest.mark.parametrize("how", [[], ["--warm"]])
def test_a_run_that_dies_is_listed_and_taken_up_by_the_next_sweep(
    how: list[str], background: Callable[..., SweepProcess], run_sweep: Callable[..., int]
) -> None:
    sweep = background("--seeds", "2", *how, seconds=1)
    sweep.wait_until(lambda: bool(starts().get("seed=0")))
    os.kill(starts()["seed=0"][0], signal.SIGKILL)
    output, _ = sweep.process.communicate(timeout=30)
    assert b"seed=0  failed: killed by SIGKILL" in output
    assert sweep.process.returncode == 1
    assert run_sweep("--seeds", "2") == 0
    assert {name: len(pids) for name, pids in starts().items()} == {"seed=0": 2, "seed=1": 1}


def test_a_failed_run_is_listed_with_its_last_line_and_the_others_go_on(
    run_sweep: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_sweep("--grid", "model.mood=sad,fine") == 1
    lines = capfd.readouterr().out
    assert "0/2  mood=sad  failed: exit code 1: ValueError: spikes everywhere" in lines
    assert "1/2  mood=fine  test/accuracy/fused 0.7500" in lines
    assert "1 of 2 runs finished, 1 failed" in lines


def test_a_run_that_diverged_stands_apart_and_is_not_tried_again(
    run_sweep: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run_sweep("--grid", "model.mood=lost,fine") == 0
        assert "1 of 2 runs finished, 1 diverged, 0 failed" in capfd.readouterr().out
    assert {name: len(pids) for name, pids in starts().items()} == {"mood=lost": 1, "mood=fine": 1}


def test_a_run_without_accuracies_shows_its_error_unless_another_metric_is_asked_for(
    run_sweep: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_sweep("--grid", "model.mood=sentimental,fine") == 0
    assert "  mood=sentimental  test/mae/fused 0.2500" in capfd.readouterr().out
    with pytest.raises(UserError, match="--metric test/x: no run has it\nthey have: test/acc"):
        run_sweep("--grid", "model.mood=glad,fine", "--metric", "test/x", "--name", "b")
    assert "  mood=glad  no test/x" in capfd.readouterr().out


def test_a_warm_run_that_fails_is_listed_with_its_last_line(
    background: Callable[..., SweepProcess],
) -> None:
    sweep = background("--grid", "model.mood=fine,sad,typo", "--warm", seconds=0)
    output = sweep.process.communicate(timeout=30)[0].decode()
    assert "1/3  mood=sad  failed: exit code 1: ValueError: spikes everywhere" in output
    assert "1/3  mood=typo  failed: model.mood: no such key" in output
    assert sweep.process.returncode == 1


def test_a_mistake_of_the_first_run_stops_the_sweep_with_its_message(
    run_sweep: Callable[..., int],
) -> None:
    with pytest.raises(UserError, match=r"mood=typo\+seed=0: model.mood: no such key\naccepted"):
        run_sweep("--grid", "model.mood=typo,fine", "--seeds", "5")
    assert starts() == {}


def test_a_mistake_after_a_finished_run_is_one_failure_among_others(
    run_sweep: Callable[..., int],
) -> None:
    assert run_sweep("--grid", "model.mood=fine,typo,good") == 1
    assert set(starts()) == {"mood=fine", "mood=good"}


def test_two_sweeps_side_by_side_share_the_runs(
    background: Callable[..., SweepProcess],
) -> None:
    sweeps = [background(*GRID, seconds=0.2) for _ in range(2)]
    assert [sweep.process.wait(timeout=60) for sweep in sweeps] == [0, 0]
    assert [len(pids) for pids in starts().values()] == [1] * 12


def test_parallel_runs_share_cores_and_take_turns_on_devices() -> None:
    cores = len(os.sched_getaffinity(0))
    environment = child_environment({"CUDA_VISIBLE_DEVICES": "4,6"}, slot=3, jobs=4)
    assert environment["OMP_NUM_THREADS"] == str(max(1, cores // 4))
    assert environment["CUDA_VISIBLE_DEVICES"] == "6"


def test_a_single_run_at_a_time_has_the_machine_and_the_users_threads_stay() -> None:
    assert "OMP_NUM_THREADS" not in child_environment({}, slot=0, jobs=1)
    assert child_environment({"OMP_NUM_THREADS": "7"}, slot=0, jobs=2)["OMP_NUM_THREADS"] == "7"
