"""`snnmm bench` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningDataModule

from snn_mm.cli import main
from snn_mm.commands.bench import measure
from snn_mm.commands.bench.clock import PARTS
from snn_mm.commands.bench.measure import make_up
from snn_mm.commands.bench.request import read_request
from snn_mm.errors import UserError

SMALL = ["--data.loader.batch_size=4", "--trainer.accelerator=cpu", "--warmup=1"]
KEYS = {"processor", "instruction_sets", "threads", "device", "precision", "torch", "snn_mm"}


def test_a_table_and_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results" / "one.json"
    assert main(["bench", "quickstart", "--steps=2", *SMALL, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["experiment"] == "quickstart"
    assert (found["steps"], found["warmup"], found["batch_size"]) == (2, 1, 4)
    assert found["seconds"].keys() == {"step", *PARTS, "floor"}
    assert all(set(spread) == {"median", "low", "high"} for spread in found["seconds"].values())
    assert found["samples_per_second"]["median"] > 0
    assert found["step_over_floor"]["median"] > 1
    assert found["floor_layers"] == found["layers"] > 0
    assert found["peak_bytes"] >= found["start_bytes"] > 0
    assert found["machine"].keys() == KEYS
    text = capsys.readouterr().out
    assert "quickstart: 2 steps after 1, made up data, batch 4" in text
    assert not Path("runs/bench").exists()


def test_real_data_are_read_where_they_are(digits_root: str, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    place = [f"--data.root={digits_root}", "--real-data", "--trainer.precision=bf16-mixed"]
    assert main(["bench", "quickstart", "--steps=1", *SMALL, *place, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert (found["data"], found["machine"]["precision"]) == ("real", "bf16-mixed")


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from snn_mm.cli import main; main(['bench', '--help']); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: snnmm bench EXPERIMENT")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "which experiment?"),
        (["quickstrat"], "did you mean quickstart?"),
        (["quickstart", "--steps=0"], "--steps is 0"),
        (["quickstart", "--warmup=0"], "--warmup is 0"),
        (["quickstart", "--model.wdith=3"], "wdith"),
        (["quickstart", "--trainer.accelerator=cpu", "--trainer.devices=2"], "runs on one device"),
    ],
)
def test_a_mistake_ends_in_a_message(
    typed: list[str], said: str, fails: Callable[..., str]
) -> None:
    assert said in fails("bench", *typed)


def test_a_training_that_is_too_short_is_named(fails: Callable[..., str]) -> None:
    flags = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2", *SMALL]
    flags += ["--trainer.limit_val_batches=1"]
    message = fails("bench", "quickstart", "--steps=5", *flags)
    assert "ended after 2 steps" in message


def test_flags_win_over_those_of_the_command() -> None:
    request = read_request(["quickstart", "--trainer.limit_train_batches=7"])
    line = request.fit(Path("here"))
    assert line.index("--trainer.limit_train_batches=null") < line.index(
        "--trainer.limit_train_batches=7"
    )
    assert line[-3] == "--run.root=here"


def test_data_that_can_not_be_made_up_are_named() -> None:
    with pytest.raises(UserError, match="LightningDataModule knows no made-up samples"):
        make_up(LightningDataModule(), steps=1)


def test_where_a_device_works_behind_the_program_whole_steps_are_timed_beside_their_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "works_behind", lambda device: True)
    looks: list[bool] = []
    keep = measure.StepBench._keep

    def kept(bench: measure.StepBench, *seconds: Any) -> None:
        looks.append(bench.clock.waits)
        keep(bench, *seconds)

    monkeypatch.setattr(measure.StepBench, "_keep", kept)
    file = tmp_path / "one.json"
    assert main(["bench", "quickstart", "--steps=2", *SMALL, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert looks == [False, True, False, True]
    assert (found["steps"], found["parts_waited_for"]) == (2, True)
    assert found["seconds"]["step"]["median"] > found["seconds"]["floor"]["median"] > 0
    assert "wait for the GPU after each" in capsys.readouterr().out


def test_the_device_is_the_one_of_the_steps_though_the_network_has_left_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    bench = measure.StepBench(1, 1)
    bench.device = torch.device("cuda:1")
    bench.laps = [dict.fromkeys(("step", *PARTS, "floor"), 1.0)]
    trainer = SimpleNamespace(precision="32-true")
    cli: Any = SimpleNamespace(model=torch.nn.Linear(1, 1), trainer=trainer)
    found = measure.result(read_request(["quickstart"]), bench, cli)
    assert found["machine"]["device"] == "GPU 1"
