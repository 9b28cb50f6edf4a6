"""Sequences of any length as a fixed number of windows, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Statistic = Literal["mean", "std", "min", "max", "delta"]


def window_statistics(
    x: Tensor, lengths: Tensor, windows: int, statistics: Sequence[Statistic] = ("mean",)
) -> Tensor:
    """Statistics of each of S windows that a sequence's own steps are cut into.

    Window t of a sequence of L steps is [floor(t L / S), ceil((t + 1) L / S)), as in adaptive
    average pooling: short and long sequences fill all S windows, so that no padding is left, and
    where L < S windows repeat steps.

    Args:
        x: `[N, L, D]`; beyond the lengths anything may stand.
        lengths: `[N]`, at least 1.
        windows: S.
        statistics: of each feature; the deviation `std` is that of the window itself, over n, and
            `delta` the mean change from step to step, which the first step lacks and has as zero.

    Returns:
        `[N, S, D']`, D' = D times the number of statistics, one statistic after the other.

    Example:
        >>> x = torch.tensor([[[1.0], [3.0], [8.0], [math.nan]]])
        >>> window_statistics(x, torch.tensor([3]), 1, ("mean", "min", "max")).flatten()
        tensor([4., 1., 8.])
        >>> window_statistics(x, torch.tensor([2]), 4).flatten()
        tensor([1., 1., 3., 3.])
        >>> window_statistics(x, torch.tensor([3]), 3, ("delta",)).flatten()
        tensor([0., 2., 5.])
    """
    first = torch.arange(windows, device=x.device)  # [S]
    long = lengths.to(x.device).unsqueeze(1)  # [N, 1]
    start, stop = first * long // windows, -(-(first + 1) * long // windows)  # [N, S]
    widest = -(-x.shape[1] // windows) + 1
    at = start.unsqueeze(-1) + torch.arange(widest, device=x.device)  # [N, S, W]
    valid = (at < stop.unsqueeze(-1)).unsqueeze(-1)  # [N, S, W, 1]
    rows = torch.arange(x.shape[0], device=x.device).view(-1, 1, 1)
    at = at.clamp(max=x.shape[1] - 1)
    steps = x[rows, at]  # [N, S, W, D]
    columns = [
        _statistic("mean", _changes(x)[rows, at], valid)
        if name == "delta"
        else _statistic(name, steps, valid)
        for name in statistics
    ]
    return torch.cat(columns, dim=-1)  # [N, S, D']


def _changes(x: Tensor) -> Tensor:
    """From the step before to each step of sequences `[N, L, D]`; zero at the first."""
    return torch.diff(x, dim=1, prepend=x[:, :1])


def _statistic(name: Statistic, steps: Tensor, valid: Tensor) -> Tensor:
    """One statistic `[N, S, D]` of windows `[N, S, W, D]`, of whose steps some are valid."""
    if name == "max":
        return steps.masked_fill(~valid, -torch.inf).amax(dim=2)
    if name == "min":
        return steps.masked_fill(~valid, torch.inf).amin(dim=2)
    count = valid.sum(dim=2).to(steps.dtype)  # [N, S, 1]
    mean = steps.masked_fill(~valid, 0.0).sum(dim=2) / count
    if name == "mean":
        return mean
    away = (steps - mean.unsqueeze(2)).masked_fill(~valid, 0.0)
    variance = away.square().sum(dim=2) / count
    # The slope of a root at zero is infinite, and a window of one step has no deviation.
    return torch.where(variance > 0, variance, 1.0).sqrt() * (variance > 0)
