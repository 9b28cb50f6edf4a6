from pathlib import Path

import pytest

from snn_mm.run.directory import RunDirectory, find_run, read_json, write_json


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "quickstart" / "a")
    run.create()
    return run


def test_names_come_from_the_place(run: RunDirectory, tmp_path: Path) -> None:
    assert (run.experiment, run.run_id, run.root) == ("quickstart", "a", tmp_path)


def test_a_run_is_found_from_its_directory_and_from_its_checkpoints(run: RunDirectory) -> None:
    run.config.write_text("seed_everything: 0")
    assert find_run(run.path) == find_run(run.best) == run


def test_a_checkpoint_outside_any_run_has_none(tmp_path: Path) -> None:
    assert find_run(tmp_path / "weights.ckpt") is None


@pytest.mark.parametrize(
    ("status", "unfinished"), [("running", True), ("failed", True), ("finished", False)]
)
def test_everything_but_a_finished_run_can_be_resumed(
    run: RunDirectory, status: str, unfinished: bool
) -> None:
    run.config.write_text("seed_everything: 0")
    write_json(run.results, {"status": status})
    assert run.is_unfinished() is unfinished


def test_a_folder_without_config_is_no_run_to_resume(run: RunDirectory) -> None:
    assert not run.is_unfinished()


def test_replacing_json_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    write_json(tmp_path / "a.json", {"a": 2})
    assert read_json(tmp_path / "a.json") == {"a": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_json_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_broken_json_reads_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert read_json(tmp_path / "a.json") == {}


def test_evaluations_are_kept_by_stage_and_checkpoint(run: RunDirectory) -> None:
    run.record_evaluation("test", run.best, {"test/loss": 1.0})
    run.record_evaluation("test", run.last, {"test/loss": 2.0})
    kept = read_json(run.results)["evaluations"]["test"]
    assert kept == {"best.ckpt": {"test/loss": 1.0}, "last.ckpt": {"test/loss": 2.0}}


def test_only_checkpoints_from_within_an_epoch_are_discarded(run: RunDirectory) -> None:
    for path in (run.path / "hpc_ckpt_1.ckpt", run.last):
        path.touch()
    run.discard_partial_checkpoints()
    assert [path.name for path in run.path.rglob("*.ckpt")] == ["last.ckpt"]
