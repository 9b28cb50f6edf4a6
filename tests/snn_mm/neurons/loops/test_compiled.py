"""Compiled loops are kept on disk, and compiled anew when they or what they call has changed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from snn_mm.neurons.loops import compiled


def test_a_loop_is_compiled_anew_when_what_it_calls_in_another_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, calling = tmp_path / "called_loops.py", tmp_path / "calling_loops.py"
    calling.write_text(
        "from called_loops import number\nfrom snn_mm.neurons.loops.compiled import compiled\n"
        "@compiled\ndef twice():\n    return 2 * number()\n"
    )
    monkeypatch.setattr(compiled, "_LOOPS", [called])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    results, hits = [], []
    for value in (3, 3, 4):
        called.write_text(
            "from snn_mm.neurons.loops.compiled import compiled\n"
            f"@compiled\ndef number():\n    return {value}\n"
        )
        os.utime(called, (0, 0))  # as an archive sets it
        compiled._stamp.cache_clear()
        twice = _fresh(monkeypatch, called, calling)
        results.append(twice())
        hits.append(sum(twice.stats.cache_hits.values()))
    compiled._stamp.cache_clear()
    assert results == [6, 6, 8]
    assert hits == [0, 1, 0]


def _fresh(monkeypatch: pytest.MonkeyPatch, *files: Path) -> Any:
    """A function of the last of some files, all of which are read again."""
    for path in files:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
    return module.twice
