"""Compiled loops read and write 16-bit floats as torch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.neurons.loops.compiled import compiled
from snn_mm.neurons.loops.half_floats import as_array, floats_of, settle, widen

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
