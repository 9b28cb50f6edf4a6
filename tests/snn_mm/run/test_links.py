"""Nothing is written through a link that came with a run directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, write_text
from snn_mm.run.links import check_links, open_own
from snn_mm.run.lock import RunLock


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "runs" / "toy" / "a"
    RunDirectory(directory).create()
    return directory


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / "precious"
    file.write_text("kept")
    return file


PLANTED = ("config.yaml", "metrics.csv", "results.json", "figures/a.png", "checkpoints/best.ckpt")


@pytest.mark.parametrize("name", [*PLANTED, ".lock", "output.log", "wandb/latest-run"])
def test_a_link_that_leads_outside_is_refused(name: str, run: Path, target: Path) -> None:
    place = run / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)
    with pytest.raises(UserError, match=f"{name} is a symbolic link to {target}"):
        check_links(run)


@pytest.mark.parametrize("name", ["checkpoints", "figures", "wandb"])
def test_a_folder_that_is_a_link_is_refused(name: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    if (run / name).exists():
        (run / name).rmdir()
    (run / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"{name} is a symbolic link"):
        check_links(run)


def test_a_link_that_stays_inside_and_a_linked_folder_of_runs_go_on(
    run: Path, tmp_path: Path
) -> None:
    (run / "wandb" / "run-1").mkdir(parents=True)
    (run / "wandb" / "latest-run").symlink_to("run-1")
    (tmp_path / "scratch").symlink_to(tmp_path / "runs")
    check_links(run)
    check_links(tmp_path / "scratch" / "toy" / "a")
    check_links(run / "not there")


def test_a_link_of_an_earlier_wandb_run_is_its_own_business(run: Path, target: Path) -> None:
    logs = run / "wandb" / "offline-run-20261127_235240-a" / "logs"
    logs.mkdir(parents=True)
    (logs / "debug-core.log").symlink_to(target)
    check_links(run)


def test_a_lock_that_is_a_link_or_a_pipe_is_refused_and_what_it_leads_to_is_kept(
    run: Path, target: Path
) -> None:
    lock = run / ".lock"
    lock.symlink_to(target)
    with pytest.raises(UserError, match="symbolic link"):
        RunLock(RunDirectory(run)).acquire()
    assert target.read_text() == "kept"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(UserError, match="no regular file"):
        RunLock(RunDirectory(run)).acquire()


def test_an_own_file_is_appended_to(tmp_path: Path) -> None:
    for text in (b"a", b"b"):
        with open_own(tmp_path / "log") as file:
            file.write(text)
    assert (tmp_path / "log").read_bytes() == b"ab"


def test_a_file_is_replaced_whatever_was_planted_under_its_temporary_name(
    run: Path, target: Path
) -> None:
    (run / f".results.json.{os.getpid()}").symlink_to(target)
    (run / "results.json").symlink_to(target)
    write_text(run / "results.json", "new")
    assert target.read_text() == "kept"
    assert not (run / "results.json").is_symlink()
    assert (run / "results.json").read_text() == "new"
