"""Data, runs and commit of the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snn_mm.commands.checks import workspace
from snn_mm.commands.checks.result import Check, Status


def fill(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))


def test_each_prepared_cache_is_listed_with_its_size(tmp_path: Path) -> None:
    fill(tmp_path / "fsdd" / "a.wav", 500)
    fill(tmp_path / "prepared" / "digits-1" / "x.npy", 1500)
    fill(tmp_path / "prepared" / ".building-2" / "x.npy", 10)
    found = {Path(check.name).name: check.detail for check in workspace.check_data(tmp_path)}
    assert found == {"fsdd": "500 B in 1 files", "digits-1": "1.5 kB in 1 files"}


@pytest.mark.parametrize("name", ["", "missing"])
def test_no_data_is_no_failure(tmp_path: Path, name: str) -> None:
    assert [check.status for check in workspace.check_data(tmp_path / name)] == [Status.INFO]


def test_counting_stops_in_large_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "COUNTED_FILES", 2)
    for name in "abc":
        fill(tmp_path / name, 10)
    assert workspace.size_text(tmp_path) == "more than 20 B in more than 2 files"


def test_environment_variable_that_names_nothing_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_MM_DATA", str(tmp_path / "gone"))
    assert [check.status for check in workspace.check_data_variable()] == [Status.FAIL]
    monkeypatch.delenv("SNN_MM_DATA")
    assert [check.status for check in workspace.check_data_variable()] == [Status.INFO]


def test_environment_variable_leads_to_the_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "fsdd.zip", 7)
    monkeypatch.setenv("SNN_MM_DATA", str(tmp_path))
    assert list(workspace.check_data_variable()) == [
        Check(Status.OK, str(tmp_path / "fsdd.zip"), "7 B")
    ]


def test_runs_need_a_writable_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace.check_runs(tmp_path / "runs").status is Status.OK
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert workspace.check_runs(tmp_path / "runs") == Check(
        Status.FAIL, str(tmp_path / "runs"), f"cannot write in {tmp_path}"
    )


def test_a_file_in_the_place_of_runs_is_a_failure(tmp_path: Path) -> None:
    fill(tmp_path / "runs", 1)
    assert workspace.check_runs(tmp_path / "runs").status is Status.FAIL


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "LOW_DISK_BYTES", 10**18)
    assert workspace.check_runs(tmp_path).status is Status.WARN


def test_without_a_checkout_the_version_stands_for_the_commit(tmp_path: Path) -> None:
    assert workspace.check_commit(tmp_path).status is Status.INFO


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (2.2e7, "22 MB"), (3e12, "3 TB")]
)
def test_sizes_are_readable(size: float, text: str) -> None:
    assert workspace.human(size) == text
