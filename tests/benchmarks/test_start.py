"""`start.py` asks `snnmm fit` for what it takes, and hears when it refuses."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from snn_mm.cli import main

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
QUICKSTART = Path(__file__).parents[2] / "experiments/quickstart.yaml"


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("start")


def test_a_run_notes_its_first_step(start: ModuleType, tmp_path: Path, digits_root: str) -> None:
    notes = tmp_path / "notes.jsonl"
    place = [f"--run.root={tmp_path}", f"--data.root={digits_root}"]
    assert main(["fit", f"--config={QUICKSTART}", *start.flags(notes, place)]) == 0
    facts = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [sorted(fact) for fact in facts] == [["clock", "cpu", "modules"]]


def test_what_a_refused_run_says_is_shown(start: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        start.call(sys.executable, "-c", "import sys; sys.exit('no such thing')")
