"""What may change between two attempts at a run, and what is refused or marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.analysis.report.run_files import read_run
from snn_mm.cli import main
from snn_mm.commands.resuming.attempts import changed
from snn_mm.errors import UserError
from snn_mm.run.attempt import Change, RunAttempt
from snn_mm.run.directory import RunDirectory, read_json

Train = Callable[..., RunDirectory]
MODULATION = {"class_path": "snn_mm.callbacks.IEMF", "init_args": {}}
BASE: dict[str, Any] = {
    "seed_everything": 0,
    "model": {"class_path": "a.Net", "init_args": {"optimizer": {"lr": 0.1}}},
    "data": {"class_path": "b.Data", "init_args": {"seed": 0, "loader": {"batch_size": 8}}},
    "trainer": {"max_epochs": 3, "precision": 32, "callbacks": [MODULATION]},
}
DECISIVE = {
    "seed_everything": ("seed_everything",),
    "data.seed": ("data", "init_args", "seed"),
    "data.loader.batch_size": ("data", "init_args", "loader", "batch_size"),
    "data": ("data", "class_path"),
    "trainer.precision": ("trainer", "precision"),
    "model.optimizer.lr": ("model", "init_args", "optimizer", "lr"),
}


def altered(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(BASE))
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return config


@pytest.mark.parametrize("key", DECISIVE)
def test_what_decides_the_end_is_named_with_what_was_and_what_is(key: str) -> None:
    found = changed(BASE, altered(DECISIVE[key], 9))
    assert [change.name for change in found] == [key]
    assert str(found[0]).startswith(f"{key} is 9, but ")


@pytest.mark.parametrize(
    "path",
    [
        ("trainer", "max_epochs"),
        ("trainer", "logger"),
        ("data", "init_args", "root"),
        ("data", "init_args", "loader", "num_workers"),
        ("data", "init_args", "an_option_of_a_later_release"),
    ],
)
def test_length_and_places_and_new_keys_may_change(path: tuple[str, ...]) -> None:
    assert changed(BASE, altered(path, 9)) == []


def test_a_modulation_that_comes_or_goes_counts_and_a_monitor_does_not() -> None:
    monitor = {"class_path": "snn_mm.callbacks.SpikeMonitor", "init_args": {}}
    callbacks = ("trainer", "callbacks")
    without = altered(callbacks, [monitor])
    assert [str(each) for each in changed(BASE, without)] == [
        "trainer.callbacks.IEMF is None, but IEMF in the run"
    ]
    assert changed(BASE, altered(callbacks, [MODULATION, monitor])) == []


def test_a_value_that_became_a_group_of_keys_has_changed() -> None:
    nothing = altered(("data", "init_args", "noise"), None)
    noise = altered(("data", "init_args", "noise"), {"std": 1})
    assert {change.name for change in changed(nothing, noise)} == {"data.noise"}
    assert {change.name for change in changed(noise, nothing)} == {"data.noise"}


def test_other_data_and_ranks_are_refused_and_another_commit_is_told() -> None:
    before = {"data": "aa", "ranks": 1, "git": {"commit": "1" * 40}, "packages": {"torch": "2.11"}}
    now = {**before, "git": {"commit": "2" * 40, "dirty": True}, "packages": {"torch": "2.12"}}
    told = RunAttempt(before).begin(now)
    assert told == [Change("commit", "1111111", "2222222+"), Change("torch", "2.11", "2.12")]
    with pytest.raises(UserError, match=r"^data fingerprint is bb, but aa[\s\S]*--force"):
        RunAttempt(before).begin({**now, "data": "bb"})
    forced = RunAttempt(before, force=True)
    forced.begin({**now, "ranks": 2})
    assert forced.deviations == ["ranks: 1, then 2"]
    assert RunAttempt().begin(now) == []
    assert RunAttempt({"data": None}).begin(now) == []


def test_a_seed_is_refused_before_anything_is_written_or_forced_and_marked(
    train: Train, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train("--trainer.max_epochs", "1", "--test_after_fit", "false")
    written = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    resume = ("fit", "--resume", str(run.path), "--trainer.max_epochs", "2")
    message = fails(*resume, "--seed_everything", "7")
    assert "seed_everything is 7, but 0 in the run" in message
    assert "--force" in message
    monkeypatch.setattr("toy_experiment.ToyData.fingerprint", lambda _: "other")
    assert "data fingerprint is other, but toy in the run" in fails(*resume)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == written

    assert main([*resume, "--seed_everything", "7", "--force"]) == 0
    marks = ["seed_everything: 0, then 7", "data fingerprint: toy, then other"]
    assert read_json(run.results)["deviations"] == marks
    assert main([*resume[:3], "--trainer.max_epochs", "3"]) == 0  # nothing changes any more
    assert read_json(run.results)["deviations"] == marks
    assert read_run(run.path).problems[-2:] == [f"went on with {mark}" for mark in marks]
    assert torch.load(run.last, weights_only=True)["epoch"] == 3


def test_a_setting_that_is_put_in_force_is_marked(train: Train) -> None:
    run = train("--trainer.max_epochs", "1", "--test_after_fit", "false")
    rate = ("--model.lr_scheduler.gamma", "0.5")
    assert main(["fit", "--resume", str(run.path), "--trainer.max_epochs", "2", *rate]) == 0
    assert read_json(run.results)["deviations"] == ["model.lr_scheduler.gamma: 0.7, then 0.5"]


def test_a_damaged_checkpoint_is_neither_gone_on_with_nor_tested(
    train: Train, fails: Callable[..., str]
) -> None:
    run = train("--trainer.max_epochs", "1", "--test_after_fit", "false")
    for path in (run.last, run.best):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    assert f"{run.last} is damaged" in fails("fit", "--resume", str(run.path))
    for stage in ("test", "validate", "predict"):
        assert f"{run.best} is damaged" in fails(stage, "--ckpt_path", str(run.path))


def test_force_belongs_to_fit(tmp_path: Path, fails: Callable[..., str]) -> None:
    assert "--force belongs to" in fails("test", "--ckpt_path", str(tmp_path), "--force")
