"""The same sweep as commands, as a SLURM array and as a W&B sweep."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from snn_mm.config.trust.packages import trusting
from snn_mm.errors import UserError
from snn_mm.run.directory import write_json
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.scripts import pick, to_commands, to_sbatch, to_wandb

GRID = ("model.fusion=Sum,FiLM", "model.x=[[1,2],[3]]")
FLAGS = ("--trainer.max_epochs", "3", "--data.root=my data")
WORDS = ("sweep", "toy.yaml", "--seeds=2")
FAKE = (sys.executable, str(Path(__file__).parent / "fake_fit.py"))


@pytest.fixture
def sweep(make_sweep: Callable[..., Sweep]) -> Sweep:
    return make_sweep(*GRID, seeds="2", flags=FLAGS)


@pytest.fixture
def submit(tmp_path: Path, sweep: Sweep) -> Callable[[int], list[str]]:
    """Run one index of the array, `srun` replaced by what prints its arguments."""
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    script = to_sbatch(sweep, sweep.cells())

    def run(index: int) -> list[str]:
        path = f"{srun.parent}:{os.environ['PATH']}"
        environment = {"PATH": path, "SLURM_ARRAY_TASK_ID": str(index)}
        command = ["bash", "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return run


def test_commands_are_those_the_sweep_itself_starts(sweep: Sweep) -> None:
    lines = to_commands(sweep.cells()).splitlines()
    assert [shlex.split(line) for line in lines] == [["snnmm", *c.start] for c in sweep.cells()]


def test_every_array_index_starts_its_run(sweep: Sweep, submit: Callable[[int], list[str]]) -> None:
    cells = sweep.cells()
    assert f"--array=0-{len(cells) - 1}\n" in to_sbatch(sweep, cells)
    for index in (0, len(cells) - 1):
        assert submit(index) == ["snnmm", *cells[index].start]


def test_a_requeued_index_resumes_and_a_finished_one_does_nothing(
    sweep: Sweep, submit: Callable[[int], list[str]]
) -> None:
    cell = sweep.cells()[1]
    cell.run.create()
    write_json(cell.run.results, {"status": "running", "test": {"status": "finished"}})
    assert submit(1) == ["snnmm", *cell.resume]
    for status in ("finished", "diverged"):
        write_json(cell.run.results, {"epochs": 3, "status": status})
        assert submit(1) == [f"{cell.run.run_id} is over"]


def test_whom_the_user_trusts_is_said_to_every_run(sweep: Sweep) -> None:
    with trusting(["own_part", "mine"]):
        commands, script = to_commands(sweep.cells()), to_sbatch(sweep, sweep.cells())
    assert all(" --trust=own_part --trust=mine" in line for line in commands.splitlines())
    assert script.endswith('exec srun snnmm fit "${start[@]}" --trust=own_part --trust=mine\n')


def test_words_that_a_shell_would_read_stand_in_quotes(make_sweep: Callable[..., Sweep]) -> None:
    hostile = "$(touch run) `touch run`; touch run # '\"\ntouch run"
    sweep = make_sweep(*GRID, flags=(f"--data.root={hostile}",))
    sweep = replace(sweep, name="$(touch run)", root=sweep.root / "a b;$(touch run)")
    cells = sweep.cells()
    assert shlex.split(to_commands(cells[:1])) == ["snnmm", *cells[0].start]
    script = to_sbatch(sweep, cells)
    begin = script[: script.index("\nset -eu")].splitlines()
    assert all(line.startswith("#") for line in begin)
    folder = sweep.root.parent
    command = f"cd {shlex.quote(str(folder))}; srun() {{ printf '%s\\0' \"$@\"; }}\n"
    command += script.replace("exec srun", "srun")
    done = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\0")[:-1] == ["snnmm", *cells[0].start]
    assert not (folder / "run").exists()


def test_sbatch_options_stand_before_the_first_command(sweep: Sweep) -> None:
    lines = to_sbatch(sweep, sweep.cells()).splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])


def test_the_wandb_file_crosses_the_same_axes(sweep: Sweep) -> None:
    content = yaml.safe_load(to_wandb(sweep, WORDS, Path("base/wandb.yaml")))
    assert content["method"] == "grid"
    assert {key: axis["values"] for key, axis in content["parameters"].items()} == {
        "model.fusion": ["Sum", "FiLM"],
        "model.x": ["[1, 2]", "[3]"],
        "seed_everything": [0, 1],
    }


def test_wandb_watches_what_the_best_checkpoint_is_chosen_by(
    experiment: Path, make_sweep: Callable[..., Sweep]
) -> None:
    assert yaml.safe_load(to_wandb(make_sweep("k=1"), WORDS, None))["metric"] == {
        "name": "val/accuracy/fused",
        "goal": "maximize",
    }
    experiment.write_text("checkpoint: {monitor: val/corr/fused, mode: min}\n")
    sweep = make_sweep("k=1", flags=("--checkpoint.monitor", "val/mae/fused"))
    assert yaml.safe_load(to_wandb(sweep, WORDS, None))["metric"] == {
        "name": "val/mae/fused",
        "goal": "minimize",
    }


def test_the_wandb_command_is_one_cell_of_the_sweep_with_wandb(sweep: Sweep) -> None:
    command = yaml.safe_load(to_wandb(sweep, WORDS, Path("base/wandb.yaml")))["command"]
    call = ["sweep", "toy.yaml", "--config=base/wandb.yaml", "--seeds=2"]
    assert command == ["${env}", "${program}", *call, "--cell", "${args_no_hyphens}"]


def test_the_users_own_wandb_config_is_not_overruled(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep("k=1", flags=("--config", "my/wandb.yaml"))
    assert "base/wandb.yaml" not in to_wandb(sweep, WORDS, Path("base/wandb.yaml"))


def test_wandb_may_write_a_number_in_its_own_way(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep("lr=1e-3,1.0", seeds="2")
    assert pick(sweep, ["lr=0.001", "seed_everything=1"]) == sweep.cells()[1]
    assert pick(sweep, ["lr=1", "seed_everything=0"]) == sweep.cells()[2]


@pytest.mark.parametrize("words", [("k=1",), ("k=3", "seed_everything=0"), ("k=1", "x=0")])
def test_a_cell_that_is_not_there_is_answered_with_what_is(
    words: tuple[str, ...], make_sweep: Callable[..., Sweep]
) -> None:
    with pytest.raises(UserError, match=r"no such run; .*\n  k=1\|2\n  seed_everything=0\|1"):
        pick(make_sweep("k=1,2", seeds="2"), words)


def test_a_cell_becomes_its_fit_and_is_left_alone_when_it_is_over(
    run_sweep: Callable[..., int], make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.append(words))
    cell = make_sweep("k=1,2").cells()[1]
    run_sweep("--grid=k=1,2", "--cell", "k=2")
    cell.run.create()
    write_json(cell.run.results, {"status": "running"})
    run_sweep("--grid=k=1,2", "--cell", "k=2")
    assert started == [[*FAKE, *cell.start], [*FAKE, *cell.resume]]
    write_json(cell.run.results, {"epochs": 3, "status": "finished"})
    assert run_sweep("--grid=k=1,2", "--cell", "k=2") == 0
    assert len(started) == 2
