"""Sixteen numbers at once are what one by one would be, and no number beside them changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.neurons.loops.compiled import compiled
from snn_mm.neurons.loops.half_floats import FORMATS, as_array
from snn_mm.neurons.loops.lanes import LANES, add_where, put_where

SIZE, AT, START = 64, 5, 9  # neither begins where a vector would


@compiled
def _add(into: Any, values: Any, names: Any, name: Any) -> None:
    add_where(into, AT, values, START, names, name)


@compiled
def _put(into: Any, flags: Any, name: Any) -> None:
    put_where(into, AT, flags, START, name)


@pytest.mark.parametrize("dtype", FORMATS)
def test_values_of_one_name_are_added(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(0)
    into, values = rng.normal(size=(2, SIZE)).astype(np.float32)
    names = rng.integers(0, 3, SIZE).astype(np.uint8)
    given = torch.from_numpy(values).to(dtype)
    expected = into.copy()
    for i in range(LANES):
        if names[START + i] == 2:
            expected[AT + i] += given.float().numpy()[START + i]
    _add(into, as_array(given), names, np.uint8(2))
    assert np.array_equal(into, expected)


def test_a_value_of_another_name_is_not_touched_though_it_is_nan() -> None:
    into, values = np.ones(SIZE, np.float32), np.full(SIZE, np.nan, np.float32)
    _add(into, values, np.ones(SIZE, np.uint8), np.uint8(255))
    assert np.array_equal(into, np.ones(SIZE))


def test_a_name_is_put_where_flags_are_up() -> None:
    rng = np.random.default_rng(1)
    into = rng.integers(0, 256, SIZE).astype(np.uint8)
    flags = rng.integers(0, 2, SIZE).astype(np.uint8)
    flags[START + 3] = 200  # any flag but 0 is up
    expected = into.copy()
    for i in range(LANES):
        expected[AT + i] = 129 if flags[START + i] else expected[AT + i]
    _put(into, flags, np.uint8(129))
    assert np.array_equal(into, expected)
