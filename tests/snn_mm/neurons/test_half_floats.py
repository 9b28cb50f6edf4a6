"""Compiled loops read and write 16-bit floats as torch does."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.neurons import half_floats
from snn_mm.neurons.half_floats import as_array, compiled, floats_of, settle, widen

HALVES = (torch.bfloat16, torch.float16)


@compiled
def _widen_all(numbers: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] = widen(numbers[i])


@compiled
def _narrow_all(values: Any, numbers: Any) -> None:
    scratch = floats_of(numbers, np.empty(numbers.size, np.float32))
    scratch[:] = values
    settle(numbers, scratch)


@pytest.mark.parametrize("dtype", HALVES)
def test_every_16_bit_number_is_read(dtype: torch.dtype) -> None:
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    out = torch.empty(2**16)
    _widen_all(as_array(numbers), out.numpy())
    torch.testing.assert_close(out, numbers.float(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_numbers_of_all_sizes_are_rounded_as_torch_does(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(-(2**31), 2**31, (200_000,), generator=generator).to(torch.int32)
    ties = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.float16).float() * (1 + 2**-9)
    values = torch.cat([bits.view(torch.float32), ties, torch.tensor([65519.9, 65520.0, 6e-8])])
    numbers = torch.empty(len(values), dtype=dtype)
    _narrow_all(values.numpy(), as_array(numbers))
    torch.testing.assert_close(numbers, values.to(dtype), rtol=0, atol=0, equal_nan=True)


def test_a_loop_is_compiled_anew_when_what_it_calls_in_another_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, calling = tmp_path / "called_loops.py", tmp_path / "calling_loops.py"
    calling.write_text(
        "from called_loops import number\nfrom snn_mm.neurons.half_floats import compiled\n"
        "@compiled\ndef twice():\n    return 2 * number()\n"
    )
    monkeypatch.setattr(half_floats, "_LOOPS", [called])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    results, hits = [], []
    for value in (3, 3, 4):
        called.write_text(
            "from snn_mm.neurons.half_floats import compiled\n"
            f"@compiled\ndef number():\n    return {value}\n"
        )
        os.utime(called, (0, 0))  # as an archive sets it
        half_floats._stamp.cache_clear()
        twice = _fresh(monkeypatch, called, calling)
        results.append(twice())
        hits.append(sum(twice.stats.cache_hits.values()))
    half_floats._stamp.cache_clear()
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
