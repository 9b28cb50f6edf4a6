import os
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, write_json
from snn_mm.run.identity import DIRECTORY_VARIABLE, forget_groups, new_run, newest_unfinished


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM", "TORCHELASTIC", "SNN_MM", "LOCAL_RANK")):
            monkeypatch.delenv(name)


def begin(run: RunDirectory, status: str = "running") -> RunDirectory:
    run.create()
    run.config.write_text("seed_everything: 0")
    write_json(run.results, {"status": status})
    return run


def test_two_runs_never_share_a_directory(tmp_path: Path) -> None:
    paths = {new_run(tmp_path, "toy", None, seed=0).path for _ in range(20)}
    assert len(paths) == 20


def test_choosing_creates_nothing(tmp_path: Path) -> None:
    new_run(tmp_path, "toy", None, seed=0)
    assert not list(tmp_path.iterdir())


def test_an_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    begin(new_run(tmp_path, "toy", "a", seed=0))
    with pytest.raises(UserError, match="--resume"):
        new_run(tmp_path, "toy", "a", seed=0)


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b"])
def test_an_id_can_not_leave_the_root(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"run\.id"):
        new_run(tmp_path, "toy", name, seed=0)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u2028b", "a" * 300, "é" * 120])
def test_a_name_has_neither_line_breaks_nor_hundreds_of_letters(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"run\.name"):
        new_run(tmp_path, name, None, seed=0)
    with pytest.raises(UserError, match=r"run\.id"):
        new_run(tmp_path, "toy", name, seed=0)
    new_run(tmp_path, "Größe ξ 3", "é" * 100, seed=0)


def test_the_folder_of_runs_has_no_line_breaks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run\.root"):
        new_run(tmp_path / "a\nb", "toy", None, seed=0)


def test_ranks_that_lightning_launches_use_the_first_ones_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "toy" / "a"))
    assert new_run(tmp_path, "toy", None, seed=0).path == tmp_path / "toy" / "a"


def test_a_requeued_job_finds_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    first = begin(new_run(tmp_path, "toy", None, seed=0))
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert new_run(tmp_path, "toy", None, seed=0) == first


def test_ranks_that_torchrun_starts_again_find_what_was_agreed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TCPStore("127.0.0.1", 0, is_master=True)
    variables = {
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "RANK": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    first = begin(new_run(tmp_path, "toy", None, seed=0))
    named = begin(new_run(tmp_path, "toy", "a", seed=0))
    store.set("default_pg/0//addresses", "of ranks that are dead")
    forget_groups()
    assert store.num_keys() == 2  # of the first attempt
    monkeypatch.setenv("RANK", "1")
    assert new_run(tmp_path, "toy", None, seed=0) == first
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert new_run(tmp_path, "toy", None, seed=0) == first
    assert new_run(tmp_path, "toy", "a", seed=0) == named
    forget_groups()
    assert store.list_keys() == ["snn_mm/run_id"]


def test_a_second_command_of_one_job_gets_its_own_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    first = begin(new_run(tmp_path, "toy", None, seed=0), "finished")
    assert new_run(tmp_path, "toy", None, seed=0) != first
    assert new_run(tmp_path, "toy", None, seed=1) != first


def test_the_tasks_of_one_srun_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    first = begin(new_run(tmp_path, "toy", None, seed=0))
    assert new_run(tmp_path, "toy", None, seed=0) == first


def test_the_newest_unfinished_run_is_the_one_started_last(tmp_path: Path) -> None:
    for age, (name, status) in enumerate([("a", "failed"), ("b", "running"), ("c", "finished")]):
        run = begin(RunDirectory(tmp_path / "toy" / name), status)
        os.utime(run.config, (age, age))
    found = newest_unfinished(tmp_path, "toy")
    assert found is not None
    assert found.run_id == "b"


def test_no_run_is_no_run(tmp_path: Path) -> None:
    assert newest_unfinished(tmp_path, "toy") is None
