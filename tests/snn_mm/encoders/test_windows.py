from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import adaptive_avg_pool1d, adaptive_max_pool1d

from snn_mm.encoders.windows import Statistic, window_statistics

LENGTHS = (1, 2, 5, 7, 11)


def sequences() -> torch.Tensor:
    """Sequences of `LENGTHS` with NaN behind them."""
    x = torch.randn(len(LENGTHS), 11, 3, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        x[row, length:] = math.nan
    return x


@pytest.mark.parametrize("windows", [1, 3, 5, 16])
def test_means_and_maxima_are_those_of_torchs_adaptive_pooling(windows: int) -> None:
    x = sequences()
    found = window_statistics(x, torch.tensor(LENGTHS), windows, ("mean", "max"))
    for row, length in enumerate(LENGTHS):
        own = x[row, :length].T  # [D, L]
        both = [pool(own, windows).T for pool in (adaptive_avg_pool1d, adaptive_max_pool1d)]
        torch.testing.assert_close(found[row], torch.cat(both, dim=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("windows", [1, 4])
def test_statistics_are_numpys(windows: int) -> None:
    x = sequences()
    names: tuple[Statistic, ...] = ("mean", "std", "min", "max", "delta")
    found = window_statistics(x, torch.tensor(LENGTHS), windows, names).numpy()
    for row, length in enumerate(LENGTHS):
        own = x[row, :length].numpy()
        changes = np.diff(own, axis=0, prepend=own[:1])
        for t in range(windows):
            window = slice(t * length // windows, math.ceil((t + 1) * length / windows))
            part = own[window]
            wanted = [part.mean(0), part.std(0), part.min(0), part.max(0), changes[window].mean(0)]
            np.testing.assert_allclose(found[row, t], np.concatenate(wanted), rtol=0, atol=1e-12)


def test_a_window_of_one_step_has_a_finite_gradient() -> None:
    x = torch.randn(1, 3, 2, requires_grad=True)
    window_statistics(x, torch.tensor([3]), 3, ("mean", "std")).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
