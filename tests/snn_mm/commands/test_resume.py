"""A run that is stopped anywhere and resumed ends exactly as one that was not."""

import errno
import json
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from snn_mm.callbacks.recording import run_record
from snn_mm.cli import main
from snn_mm.errors import UserError
from snn_mm.run import RunDirectory
from snn_mm.run.lock import RunLock

Train = Callable[..., RunDirectory]
Outcome = tuple[dict[str, Any], bytes]
Die = Callable[[list[str], str], int]

KILLS = {
    "before the first checkpoint": "on_train_batch_start:3",
    "first step of an epoch": "on_train_batch_start:6",
    "middle of an epoch": "on_train_batch_end:8",
    "in a backward pass": "on_after_backward:9",
    "in validation": "on_validation_batch_start:8",
    "after validation": "on_validation_end:2",
    "end of an epoch": "on_train_epoch_end:2",
    "between epochs": "on_train_epoch_start:3",
    "after training": "on_fit_end:1",
    "in the final test": "on_test_batch_start:2",
}
INTERRUPTS = {"SIGTERM": 143, "SIGINT": 130}


def outcome(run: RunDirectory) -> Outcome:
    """What must not differ: the results, but for the time they took, and every logged metric."""
    results = json.loads(run.results.read_text())
    assert results.pop("train_seconds") > 0
    return results, run.metrics.read_bytes()


def command(config: Path, root: Path, *flags: str) -> list[str]:
    return ["fit", "--config", str(config), "--run.root", str(root), "--run.id", "a", *flags]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Outcome:
    root = tmp_path_factory.mktemp("uninterrupted")
    assert main(command(toy_config, root)) == 0
    return outcome(RunDirectory(root / "toy" / "a"))


@pytest.fixture(scope="module")
def die() -> Die:
    """Run a command in a process that is stopped on the way; return its exit code.

    The processes are forked from a server that has imported everything once.
    """
    from toy_experiment import run_and_die

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["toy_experiment"])

    def start(argv: list[str], kill: str) -> int:
        process = context.Process(target=run_and_die, args=(argv, kill))
        process.start()
        process.join(timeout=60)
        assert process.exitcode is not None
        return process.exitcode

    return start


@pytest.mark.parametrize("moment", KILLS.values(), ids=list(KILLS))
def test_a_killed_run_resumes_to_the_same_end(
    moment: str, tmp_path: Path, toy_config: Path, uninterrupted: Outcome, die: Die
) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    assert die(command(toy_config, tmp_path), f"{moment}:SIGKILL") == -signal.SIGKILL
    assert (run.status(), RunLock(run).status()) == ("running", "stopped")
    folders = (run.path, run.checkpoints, run.figures)
    left = [folder / f".last.ckpt.{2**31 - 1}" for folder in folders]
    for file in left:
        file.touch()
    assert main(["fit", "--resume", str(run.path)]) == 0
    assert outcome(run) == uninterrupted
    assert not any(file.exists() for file in left), "what a killed process was writing"


@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_run_that_fills_the_disk_says_so_and_resumes(
    good: int,
    tmp_path: Path,
    toy_config: Path,
    uninterrupted: Outcome,
    fails: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After so many good checkpoints there is no room for another one."""
    run, written = RunDirectory(tmp_path / "toy" / "a"), iter(range(good))

    def full(_: int) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        message = fails(*command(toy_config, tmp_path))
    line = (
        r"snnmm: error: (.*\.ckpt can't be written: No space left on device; [\d,]+ MB are free)\n"
    )
    said = re.fullmatch(line, message)
    assert said is not None
    results = json.loads(run.results.read_text())
    assert (results["status"], results["error"]) == ("failed", said[1])
    kept = list(run.checkpoints.iterdir())
    assert all(torch.load(file, weights_only=True) for file in kept)
    assert len(kept) == min(good, 2)
    assert main(["fit", "--resume", str(run.path)]) == 0
    assert outcome(run) == uninterrupted


def test_a_run_whose_end_cannot_be_noted_tells_what_ended_it(
    tmp_path: Path,
    toy_config: Path,
    fails: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, write = RunDirectory(tmp_path / "toy" / "a"), run_record.write_json

    def full(path: Path, content: dict[str, Any]) -> None:
        if content.get("status") == "failed":
            raise UserError(f"{path} can't be written: full")
        write(path, content)

    monkeypatch.setattr(run_record, "write_json", full)
    said = fails(*command(toy_config, tmp_path, "--data.bad", "true"))
    assert "results.json can't be written" in said
    assert "three.wav" in said.splitlines()[-1]
    assert RunLock(run).status() == "stopped"


@pytest.mark.parametrize(
    ("kill", "flags"),
    [
        ("on_after_backward:9", ("--run.save_every_steps", "2")),
        ("on_train_batch_end:8", ("--run.save_every_minutes", "0")),
    ],
)
def test_a_run_killed_amid_an_epoch_goes_on_amid_it(
    kill: str,
    flags: tuple[str, str],
    tmp_path: Path,
    toy_config: Path,
    uninterrupted: Outcome,
    die: Die,
) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    assert die(command(toy_config, tmp_path, *flags), f"{kill}:SIGKILL") == -signal.SIGKILL
    assert torch.load(run.last, weights_only=True)["global_step"] > 5, "not an epoch's end"
    assert main(["fit", "--resume", str(run.path)]) == 0
    assert outcome(run) == uninterrupted


@pytest.mark.parametrize(("name", "code"), INTERRUPTS.items())
def test_an_interrupted_run_says_so_and_resumes(
    name: str, code: int, tmp_path: Path, toy_config: Path, uninterrupted: Outcome, die: Die
) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    assert die(command(toy_config, tmp_path), f"on_train_batch_start:8:{name}") == code
    assert outcome(run)[0]["status"] == "interrupted"
    # SIGTERM comes from a launcher: the batch is ended, and nothing is lost.
    steps = 8 if name == "SIGTERM" else 5
    assert torch.load(run.last, weights_only=True)["global_step"] == steps
    arguments = ["--config", str(toy_config), "--run.root", str(tmp_path)]
    assert main(["fit", "--resume", "auto", *arguments]) == 0
    assert outcome(run) == uninterrupted


@pytest.mark.slow
def test_workers_do_not_change_where_a_resumed_run_ends(
    tmp_path: Path, toy_config: Path, die: Die
) -> None:
    only_training = ("--trainer.limit_val_batches", "0", "--test_after_fit", "false")
    flags = ("--data.num_workers", "1", "--trainer.max_epochs", "2", *only_training)
    whole, cut = (RunDirectory(tmp_path / name / "toy" / "a") for name in ("whole", "cut"))
    assert main(command(toy_config, whole.root, *flags)) == 0
    die(command(toy_config, cut.root, *flags), "on_train_batch_start:8:SIGTERM")
    assert main(["fit", "--resume", str(cut.path)]) == 0
    assert outcome(cut) == outcome(whole)


def test_flags_win_over_the_config_of_the_resumed_run(
    tmp_path: Path, toy_config: Path, die: Die
) -> None:
    die(command(toy_config, tmp_path), "on_train_batch_start:8:SIGKILL")
    run = RunDirectory(tmp_path / "toy" / "a")
    assert main(["fit", "--resume", str(run.path), "--trainer.max_epochs", "2"]) == 0
    assert outcome(run)[0]["epochs"] == 2
    assert yaml.safe_load(run.config.read_text())["trainer"]["max_epochs"] == 2


SGD = ("--model.optimizer", "torch.optim.SGD", "--model.optimizer.lr", "0.05")
STOP = ("--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "val/loss")
PATIENCE = (*STOP, "--trainer.callbacks.min_delta", "9", "--trainer.callbacks.patience")
ONE_CYCLE = (
    *("--model.lr_scheduler", "torch.optim.lr_scheduler.OneCycleLR", "--model.lr_scheduler.max_lr"),
    *("0.1", "--model.lr_scheduler_interval", "step", "--model.lr_scheduler.total_steps"),
)


def last_state(run: RunDirectory) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(run.last, weights_only=True)
    return state


def test_flags_within_optimizer_and_callbacks_are_in_force(train: Train) -> None:
    run = train(*SGD, "--model.optimizer.momentum", "0.9", *PATIENCE, "1")
    assert outcome(run)[0]["epochs"] == 2
    callbacks = yaml.safe_load(run.config.read_text())["trainer"]["callbacks"]
    callbacks[-1]["init_args"]["patience"] = 3
    flags = ("--trainer.callbacks", json.dumps(callbacks), "--trainer.max_epochs", "9")
    rate = ("--model.optimizer.lr", "0.001", "--model.optimizer.momentum", "0.0")
    assert main(["fit", "--resume", str(run.path), *rate, *flags]) == 0
    group = last_state(run)["optimizer_states"][0]["param_groups"][0]
    assert outcome(run)[0]["epochs"] == 4  # stopped by the new patience, not by the old one
    assert (group["lr"], group["momentum"]) == (pytest.approx(0.001 * 0.7**4), 0.0)
    assert main(["fit", "--resume", str(run.path)]) == 0  # its settings are those it was left with


@pytest.mark.parametrize(
    ("before", "flags", "key"),
    [
        ((), ("--checkpoint.monitor", "val/loss"), "checkpoint.monitor is val/loss"),
        (SGD, ("--model.optimizer", "torch.optim.Adam"), "model.optimizer is Adam, but SGD"),
        (SGD, ("--model.parameter_groups", "{audio: {lr: 1}}"), "model.parameter_groups.audio.lr"),
    ],
)
def test_flags_that_no_state_can_take_over_are_refused_and_not_recorded(
    before: tuple[str, ...],
    flags: tuple[str, ...],
    key: str,
    train: Train,
    fails: Callable[..., str],
) -> None:
    run = train(*before, "--trainer.max_epochs", "1", "--test_after_fit", "false")
    config = run.config.read_bytes()
    assert key in fails("fit", "--resume", str(run.path), "--trainer.max_epochs", "2", *flags)
    assert run.config.read_bytes() == config


def test_a_schedule_that_is_shorter_than_the_training_is_told_before_it(
    train: Train, fails: Callable[..., str]
) -> None:
    run = train(*ONE_CYCLE, "5", "--trainer.max_epochs", "1", "--test_after_fit", "false")
    resume = ("fit", "--resume", str(run.path), "--trainer.max_epochs", "2")
    assert "model.lr_scheduler.total_steps is 5" in fails(*resume)
    assert main([*resume, "--model.lr_scheduler.total_steps", "10"]) == 0
    assert last_state(run)["lr_schedulers"][0]["total_steps"] == 10


def test_a_run_that_max_steps_ended_inside_an_epoch_is_not_gone_on_with(
    train: Train, fails: Callable[..., str]
) -> None:
    run = train("--trainer.max_steps", "8", "--test_after_fit", "false")
    resume = ("fit", "--resume", str(run.path))
    assert "inside epoch 2, after 3 of its batches" in fails(*resume, "--trainer.max_steps", "12")
    assert run.status() == "finished"
    assert main([*resume]) == 0  # there is nothing to go on with


def test_a_run_that_was_stopped_early_stays_stopped(
    tmp_path: Path, toy_config: Path, die: Die
) -> None:
    argv = command(toy_config, tmp_path, *PATIENCE, "1", "--trainer.max_epochs", "9")
    assert die(argv, "on_test_batch_start:1:SIGKILL") == -signal.SIGKILL
    run = RunDirectory(tmp_path / "toy" / "a")
    assert main(["fit", "--resume", str(run.path)]) == 0
    assert outcome(run)[0]["epochs"] == 2


def test_auto_without_an_unfinished_run_starts_one(tmp_path: Path, toy_config: Path) -> None:
    argv = [*command(toy_config, tmp_path), "--trainer.max_epochs", "1", "--resume", "auto"]
    assert main(argv) == 0
    assert outcome(RunDirectory(tmp_path / "toy" / "a"))[0]["status"] == "finished"
