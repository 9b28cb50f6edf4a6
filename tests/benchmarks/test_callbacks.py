"""What `snnmm list` shows has a line in the table of what callbacks cost."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_listed_callback_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = importlib.import_module("callbacks")
    assert benchmark.unknown() == set()
