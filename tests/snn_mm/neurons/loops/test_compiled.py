"""Compiled loops are kept on disk, and compiled anew when they or what they call has changed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snn_mm.neurons.loops import compiled


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Any]]:
    """A function that is twice what another returns, whose file is written anew for a number."""
    called, calling = tmp_path / "called_loops.py", tmp_path / "calling_loops.py"
    calling.write_text(
        "from called_loops import number\nfrom snn_mm.neurons.loops.compiled import compiled\n"
        "@compiled\ndef twice():\n    return 2 * number()\n"
    )
    monkeypatch.setattr(compiled, "_LOOPS", [called])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def fresh(value: int) -> Any:
        called.write_text(
            "from snn_mm.neurons.loops.compiled import compiled\n"
            f"@compiled\ndef number():\n    return {value}\n"
        )
        os.utime(called, (0, 0))  # as an archive sets it
        compiled._stamp.cache_clear()
        return _fresh(monkeypatch, called, calling)

    yield fresh
    compiled._stamp.cache_clear()


def test_a_loop_is_compiled_anew_when_what_it_calls_in_another_file_changes(
    loops: Callable[[int], Any], tmp_path: Path
) -> None:
    results, hits = [], []
    for value in (3, 3, 4):
        twice = loops(value)
        results.append(twice())
        hits.append(sum(twice.stats.cache_hits.values()))
    assert results == [6, 6, 8]
    assert hits == [0, 1, 0]
    assert len(list(tmp_path.rglob("*twice*.nbc"))) == 1  # what is not of today is removed


def test_code_of_before_is_not_run_while_another_process_writes_its_own(
    loops: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    loops(3)()
    own, seen = compiled._Entries._save_data, []

    def late(self: Any, name: str, data: Any) -> None:
        if "twice" in name and not seen:
            seen.append(None)
            seen[0] = loops(4)()  # the same code, in another process
        own(self, name, data)

    monkeypatch.setattr(compiled._Entries, "_save_data", late)
    assert loops(4)() == 8
    assert seen == [8]


def _fresh(monkeypatch: pytest.MonkeyPatch, *files: Path) -> Any:
    """A function of the last of some files, all of which are read again."""
    for path in files:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
    return module.twice
