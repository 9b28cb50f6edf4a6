"""The same sweep as commands, as a SLURM array and as a W&B sweep."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from snn_mm.errors import UserError
from snn_mm.run.directory import write_json
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.grid import make_axes
from snn_mm.sweep.scripts import to_commands, to_sbatch, to_wandb

GRID = ("model.fusion=Sum,FiLM", "model.x=[[1,2],[3]]")
FLAGS = ("--trainer.max_epochs", "3", "--data.root=my data")


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


def test_sbatch_options_stand_before_the_first_command(sweep: Sweep) -> None:
    lines = to_sbatch(sweep, sweep.cells()).splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])


def test_the_wandb_file_crosses_the_same_axes(sweep: Sweep) -> None:
    content = yaml.safe_load(to_wandb(sweep, Path("base/wandb.yaml")))
    assert content["method"] == "grid"
    assert {key: axis["values"] for key, axis in content["parameters"].items()} == {
        "model.fusion": ["Sum", "FiLM"],
        "model.x": ["[1, 2]", "[3]"],
        "seed_everything": [0, 1],
    }


def test_wandb_watches_what_the_best_checkpoint_is_chosen_by(
    experiment: Path, make_sweep: Callable[..., Sweep]
) -> None:
    assert yaml.safe_load(to_wandb(make_sweep("k=1"), None))["metric"] == {
        "name": "val/accuracy/fused",
        "goal": "maximize",
    }
    experiment.write_text("checkpoint: {monitor: val/corr/fused, mode: min}\n")
    sweep = make_sweep("k=1", flags=("--checkpoint.monitor", "val/mae/fused"))
    assert yaml.safe_load(to_wandb(sweep, None))["metric"] == {
        "name": "val/mae/fused",
        "goal": "minimize",
    }


def test_the_wandb_command_trains_with_wandb(sweep: Sweep) -> None:
    command = yaml.safe_load(to_wandb(sweep, Path("base/wandb.yaml")))["command"]
    configs = ["--config=toy.yaml", "--config=base/wandb.yaml"]
    place = ["--run.root=runs", "--run.name=toy-sweep"]
    assert command == ["${env}", "${program}", "fit", *configs, *FLAGS, *place, "${args}"]


def test_what_wandb_makes_of_its_file_is_what_a_run_of_ours_gets(sweep: Sweep) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    axes = yaml.safe_load(to_wandb(sweep, None))["parameters"].items()
    chosen = {key: {"value": axis["values"][-1]} for key, axis in axes}
    arguments = create_sweep_command_args({"args": chosen})["args"]
    assert tuple(arguments) == sweep.cells()[-1].start[-3:]


def test_the_users_own_wandb_config_is_not_overruled(make_sweep: Callable[..., Sweep]) -> None:
    text = to_wandb(make_sweep("k=1", flags=("--config", "my/wandb.yaml")), Path("base/wandb.yaml"))
    assert "base/wandb.yaml" not in text


def test_wandb_can_not_tie_two_keys(experiment: Path) -> None:
    axes = tuple(make_axes({}, "2", "seed_everything,data.seed"))
    with pytest.raises(UserError, match="one of --seed-keys"):
        to_wandb(Sweep("s", Path("runs"), (experiment,), axes), None)
