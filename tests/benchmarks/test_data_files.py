"""What `data_rates.py` makes up is what the data modules accept."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from datamodules import MusicAVQA

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_made_up_questions_are_in_one_part_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    importlib.import_module("data_files").avqa(tmp_path)
    data = MusicAVQA(str(tmp_path))
    data.setup("fit")
    data.setup("test")
    assert len(data.questions("train")) == 420
