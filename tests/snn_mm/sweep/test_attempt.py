"""A run in a process of its own, as sweeps see it that have not started it."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import pytest

from snn_mm.run.directory import RunDirectory
from snn_mm.sweep.attempt import Attempt, is_busy
from snn_mm.sweep.cells import SweepCell

Child = subprocess.Popen[bytes]


def launch(arguments: Sequence[str], log: IO[bytes], environment: Mapping[str, str]) -> Child:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=log)


@pytest.mark.filterwarnings("ignore:.*this file system has no locks")
@pytest.mark.parametrize("locks", [True, False])
def test_a_run_is_busy_until_its_process_ends(
    locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    if not locks:
        monkeypatch.setattr(fcntl, "flock", refuse)
    cell = SweepCell(RunDirectory(tmp_path / "run"), ("fit",))
    attempt = Attempt(cell, launch, {})
    assert attempt.is_running()
    assert is_busy(cell.run)
    assert not Attempt(cell, launch, {}).is_own
    process = attempt.process
    assert isinstance(process, subprocess.Popen)
    process.communicate(b"\n")
    assert not is_busy(cell.run)
    assert not attempt.is_running()
    assert [path.name for path in cell.run.path.iterdir()] == ["output.log"]
