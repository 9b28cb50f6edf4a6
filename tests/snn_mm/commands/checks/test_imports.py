"""Imports tried in child processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snn_mm.commands.checks.imports import check_imports, import_in_child
from snn_mm.commands.checks.result import Status


@pytest.fixture
def module_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_an_import_that_works_gives_version_and_time() -> None:
    (check,) = check_imports(("pytest",))
    assert check.status is Status.OK
    assert re.fullmatch(rf"{re.escape(pytest.__version__)} \(\d+\.\d s\)", check.detail)


def test_an_import_that_fails_gives_the_last_line(module_folder: Path) -> None:
    (module_folder / "broken_one.py").write_text("raise OSError('libcudart.so.13: not found')")
    check = import_in_child("broken_one")
    assert check.status is Status.FAIL
    assert check.detail.startswith("OSError: libcudart.so.13: not found (")


def test_a_crash_names_its_signal(module_folder: Path) -> None:
    (module_folder / "crashing.py").write_text("import os; os.kill(os.getpid(), 11)")
    assert import_in_child("crashing").detail.startswith("ended by signal 11")


def test_an_import_that_hangs_is_given_up(module_folder: Path) -> None:
    (module_folder / "hanging.py").write_text("import time; time.sleep(60)")
    assert import_in_child("hanging", timeout=0.5).status is Status.FAIL
