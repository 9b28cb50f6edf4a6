"""The script of a GPU day: what it writes, when it stops, and that all of it runs on a CPU."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gpu_day() -> ModuleType:
    """Import the script, which lies in no package."""
    spec = importlib.util.spec_from_file_location("gpu_day", ROOT / "benchmarks" / "gpu_day.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def day(gpu_day: ModuleType, tmp_path: Path) -> Any:
    """A day of a GPU with time enough."""
    return gpu_day.Day(600.0, tmp_path / "new" / "day.json", False, {"parts": {}})


def test_it_runs_the_tests_there_are(gpu_day: ModuleType) -> None:
    there = {file.name for file in (ROOT / "tests" / "cuda").glob("test_*.py")}
    assert set(gpu_day.TESTS) == there


def test_a_part_that_has_no_time_left_is_not_begun(day: Any, gpu_day: ModuleType) -> None:
    day.seconds = 1.0
    assert day.call("tests", ["-c", "raise SystemExit(1)"]) == "no time left"
    rows = gpu_day.experiments(day)
    assert rows["status"] == "failed"
    assert len(rows["without_result"]) == len(rows["rows"]) == 18
    assert json.loads(day.output.read_text())["parts"]["experiments"]["rows"] == rows["rows"]


def test_a_program_that_takes_too_long_is_ended(
    day: Any, gpu_day: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_day, "SHORTEST", 0.0)
    monkeypatch.setattr(day, "left", lambda part: 0.2)
    assert "no time left" in day.call("lif", ["-c", "import time; time.sleep(60)"])


def report(day: Any, monkeypatch: pytest.MonkeyPatch, cases: str, wrong: str | None) -> None:
    """Let a run of pytest leave this."""

    def call(part: str, command: list[str], **_: str) -> str | None:
        file = next(flag for flag in command if flag.startswith("--junitxml="))
        Path(file.partition("=")[2]).write_text(f"<testsuite>{cases}</testsuite>")
        return wrong

    monkeypatch.setattr(day, "call", call)


def test_a_failed_test_is_named_and_fails_the_part(
    day: Any, gpu_day: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = '<testcase name="good"/><testcase name="bad"><failure message="1 != 2"/></testcase>'
    report(day, monkeypatch, case, "exit code 1")
    found = gpu_day.tests(day)
    assert found["status"] == "failed"
    one = {"why": "exit code 1", "tests": 2, "failed": {"bad": "1 != 2"}}
    assert found["files"] == dict.fromkeys(gpu_day.TESTS, one)


def test_tests_that_all_pass_pass_the_part(
    day: Any, gpu_day: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(day, monkeypatch, '<testcase name="good"/>', None)
    assert gpu_day.tests(day)["status"] == "passed"


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("passed", 0)])
def test_the_exit_code_tells_of_the_tests(
    status: str,
    code: int,
    gpu_day: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    parts = {name: lambda day: {"status": "measured"} for name in gpu_day.PARTS}
    monkeypatch.setattr(gpu_day, "PARTS", {**parts, "tests": lambda day: {"status": status}})
    monkeypatch.setattr(gpu_day, "machine", lambda: {"device": "A GPU (9)"})
    monkeypatch.setattr(gpu_day, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpu_day.py"])
    assert gpu_day.main() == code
    found = json.loads((tmp_path / "a-gpu-9.json").read_text())
    assert (found["rehearsal"], found["parts"]["tests"]["status"]) == (False, status)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="the rehearsal is for a CPU")
def test_the_rehearsal_runs_from_end_to_end(tmp_path: Path) -> None:
    file = tmp_path / "day.json"
    script = str(ROOT / "benchmarks" / "gpu.sh")
    command = [script, sys.executable, "--output", str(file), "--seconds", "1800"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert found["rehearsal"] is True
    assert found["machine"]["torch"] == torch.__version__
    assert {name: part["status"] for name, part in found["parts"].items()} == {
        "tests": "passed",
        "lif": "measured",
        "experiments": "measured",
    }
    rates = found["parts"]["lif"]["implementations"]["snn_mm"]
    assert rates["kernels"]["eager"]["implementation"] == "torch-reference"
    assert {one["membrane"] for one in rates["rows"]} == {"float32"}
    assert found["parts"]["experiments"]["rows"]["quickstart 32-true"]["steps"] == 1
