from pathlib import Path

import pytest

from snn_mm.config.options import find_checkpoint, read_command, without
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, write_json


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory((tmp_path / "runs" / "toy" / "a").resolve())
    run.create()
    run.config.write_text("seed_everything: 0\n")
    write_json(run.results, {"status": "running"})
    return run


def test_a_run_directory_stands_for_its_best_checkpoint(run: RunDirectory) -> None:
    run.last.touch()
    assert find_checkpoint(run.path) == (run.last, run)
    run.best.touch()
    assert find_checkpoint(run.path) == (run.best, run)


def test_the_config_of_the_run_is_used_where_none_is_given(run: RunDirectory) -> None:
    run.best.touch()
    command = read_command(["test", "--ckpt_path", str(run.path), "--trainer.devices", "1"])
    assert command.arguments == ["test", "--config", str(run.config), "--trainer.devices", "1"]
    assert command.checkpoint == run.best


def test_a_given_config_replaces_that_of_the_run(run: RunDirectory, tmp_path: Path) -> None:
    run.best.touch()
    (tmp_path / "mine.yaml").write_text("seed_everything: 1\n")
    mine = ("--config", str(tmp_path / "mine.yaml"))
    assert read_command(["test", f"--ckpt_path={run.path}", *mine]).arguments == ["test", *mine]


def test_resuming_puts_flags_after_the_config_of_the_run(run: RunDirectory) -> None:
    command = read_command(["fit", "--resume", str(run.path), "--trainer.max_epochs", "9"])
    assert command.arguments == ["fit", "--config", str(run.config), "--trainer.max_epochs", "9"]
    assert (command.resumed, command.checkpoint) == (run, None)


def test_auto_finds_the_run_of_the_experiment(run: RunDirectory, tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(f"run: {{root: {tmp_path / 'runs'}}}\n")
    command = read_command(["fit", "--resume=auto", "-c", str(tmp_path / "toy.yaml")])
    assert command.resumed == run
    assert command.arguments == ["fit", "--config", str(run.config)]


def test_resuming_belongs_to_fit(run: RunDirectory) -> None:
    with pytest.raises(UserError, match="snnmm fit"):
        read_command(["test", "--resume", str(run.path)])


def test_a_run_without_checkpoint_has_nothing_to_test(run: RunDirectory) -> None:
    with pytest.raises(UserError, match="no checkpoint"):
        read_command(["test", "--ckpt_path", str(run.path)])


def test_a_flag_is_removed_with_its_value_in_both_spellings() -> None:
    assert without(["--a", "--a", "b", "--a=c", "d"], "--a") == ["b", "d"]
    assert without(["--ab", "1", "--a", "2"], "--a") == ["--ab", "1"]
