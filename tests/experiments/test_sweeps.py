"""Every shipped sweep names files that are there, and as many runs as it says."""

from __future__ import annotations

import itertools
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.commands import sweep as command
from snn_mm.sweep.request import read_request

FOLDER = Path(__file__).parents[2] / "experiments"
SWEEPS = sorted((FOLDER / "sweeps").glob("*.yaml"))


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_lists_as_many_runs_as_its_header_says(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(sweep), "--dry-run"]) == 0
    runs = capsys.readouterr().out.splitlines()
    header = re.search(r"^#.* (\d+) runs", sweep.read_text(), re.MULTILINE)
    assert header is not None
    assert len(runs) == int(header[1])


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_an_agent_of_wandb_starts_the_runs_of_the_sweep(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    monkeypatch.delenv("SNN_MM_TRUST")  # what the tests trust, which would be printed too
    typed = ["sweep", str(sweep), "--data.root", "my data"]
    assert main([*typed, "--print", "commands"]) == 0
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert main([*typed, "--print=wandb"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    values = [axis["values"] for axis in printed["parameters"].values()]
    points = list(itertools.product(*values))
    assert len(points) == len(commands)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.append(words))
    last = zip(printed["parameters"], points[-1])
    chosen = create_sweep_command_args({"args": {key: {"value": value} for key, value in last}})
    assert printed["command"][-1] == "${args_no_hyphens}"
    call = [*printed["command"][2:-1], *chosen["args_no_hyphens"]]
    command.run(call, ["snnmm"])
    # W&B's logger is all that an agent's run has beside.
    (added,) = set(started[0]) - set(commands[-1])
    assert added.endswith("_base/wandb.yaml")
    assert [word for word in started[0] if word != added] == commands[-1]


def test_settings_of_mmsa_stop_by_the_loss_and_clip_values_of_mult_alone() -> None:
    common = yaml.safe_load((FOLDER / "_base/baselines/mmsa.yaml").read_text())
    trainer = yaml.safe_load((FOLDER / "_base/sgmt/trainer_mmsa.yaml").read_text())
    (stopping,) = trainer["callbacks"]
    assert stopping["init_args"]["monitor"] == common["checkpoint"]["monitor"] == "val/loss"
    assert trainer["gradient_clip_val"] is None
    assert common["data"]["standardise"] is False
    # MMSA adds the gradients of eight batches up; here they are averaged.
    for table, clipped in (("sgmt_table1_sims", 1.0 / 8), ("sgmt_table2_mosei", 0.6 / 8)):
        rows = read_request(FOLDER / f"sweeps/{table}.yaml").rows["row"]
        clips = {row for row, flags in rows.items() if any("clip" in flag for flag in flags)}
        assert clips == {"mult"}
        assert f"--trainer.gradient_clip_val={clipped}" in rows["mult"]
        assert "--trainer.gradient_clip_algorithm=value" in rows["mult"]


def test_baselines_trained_alike_get_the_training_of_sgmt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pieces = ("sgmt_sims", "_base/baselines/mmsa", "_base/sgmt/trained_alike")
    configs = [f"--config={FOLDER / piece}.yaml" for piece in pieces]
    assert main(["fit", *configs, "--model.network=MulT", "--print_config"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    wanted = yaml.safe_load((FOLDER / "_base/sgmt/trainer.yaml").read_text())
    trainer = made["trainer"]
    assert trainer["gradient_clip_algorithm"] == "norm"
    for key in ("max_epochs", "gradient_clip_val"):
        assert trainer[key] == wanted[key]
    assert trainer["callbacks"][0]["init_args"]["monitor"] == "val/mae/fused"
    assert made["checkpoint"]["monitor"] == "val/mae/fused"
    assert made["data"]["init_args"]["standardise"] is True
