"""Spikes of two modalities, and NumPy's own leaky integrate-and-fire neuron to compare with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

Arrays = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_spikes() -> Callable[..., dict[str, Tensor]]:
    """Return a maker of binary features `[T, N, D]` in float64 by modality."""

    def make(dims: dict[str, int], steps: int = 3, size: int = 16) -> dict[str, Tensor]:
        return {n: (torch.rand(steps, size, d) < 0.4).double() for n, d in dims.items()}

    return make


def _lif(current: np.ndarray) -> np.ndarray:
    """TAAF Eqs 1-3: u <- u/2 + I, fires above 1, hard reset; `[T, N, D]`."""
    u, spikes = np.zeros_like(current[0]), []
    for step in current:
        u = 0.5 * u + step
        spikes.append((u > 1.0).astype(current.dtype))
        u = u * (1.0 - spikes[-1])
    return np.stack(spikes)


def _norm(x: np.ndarray) -> np.ndarray:
    """Batch norm over time and batch with unit scale; `[T, N, D]`."""
    mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
    return (x - mean) / np.sqrt(variance + 1e-5)


@pytest.fixture
def lif() -> Arrays:
    """Return the neuron as a function of the current."""
    return _lif


@pytest.fixture
def norm() -> Arrays:
    """Return batch norm in training as a function."""
    return _norm
