"""One vector of modest width of any input: what the linear model sees."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from snn_mm.contracts import Batch
from snn_mm.encoders.windows import window_statistics

WIDTH = 512
"""No input but a feature vector becomes wider."""
WINDOWS = (4, 2, 1)
GRIDS = (16, 12, 8, 6, 4, 2, 1)


class PooledPart(NamedTuple):
    """Some samples of a split.

    Attributes:
        values: `[n, D]` by modality; zero for samples that lack it.
        present: which samples have a modality, `[n]` in bool by modality.
        target: classes `[n]`.
    """

    values: dict[str, NDArray[np.float32]]
    present: dict[str, NDArray[np.bool_]]
    target: NDArray[np.int64]


def joined(parts: list[PooledPart]) -> PooledPart:
    """Several parts as one."""
    first = parts[0]
    return PooledPart(
        {name: np.concatenate([part.values[name] for part in parts]) for name in first.values},
        {name: np.concatenate([part.present[name] for part in parts]) for name in first.present},
        np.concatenate([part.target for part in parts]),
    )


def pooled_batch(batch: Batch, modalities: tuple[str, ...]) -> PooledPart:
    """The vectors of a batch."""
    lengths, size = batch.get("lengths", {}), len(batch["target"])
    masks = batch.get("present", {})
    values, present = {}, {}
    for name in modalities:
        there = masks[name].bool() if name in masks else torch.ones(size, dtype=torch.bool)
        values[name] = np.zeros((size, 0), np.float32)
        if name in batch["inputs"] and there.any():
            found = pooled(batch["inputs"][name][there], _rows(lengths.get(name), there))
            values[name] = np.zeros((size, found.shape[1]), np.float32)
            values[name][there.numpy()] = found.numpy()
        present[name] = there.numpy()
    return PooledPart(values, present, batch["target"].numpy())


def _rows(lengths: Tensor | None, there: Tensor) -> Tensor | None:
    return None if lengths is None else lengths[there]


def pooled(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """One vector a sample: `[N, D]` of an input `[N, ...]` (shapes: see `Batch`).

    A vector is left as it is. Of a sequence, mean and deviation of four windows, of fewer or the
    mean alone where that were too wide. A picture or spectrogram is averaged over a grid; of frames
    and of events, their mean over time.

    Example:
        >>> pooled(torch.ones(5, 7, 20), torch.full((5,), 6)).shape, pooled(torch.ones(5, 3)).shape
        (torch.Size([5, 160]), torch.Size([5, 3]))
        >>> pooled(torch.ones(5, 1, 64, 80)).shape
        torch.Size([5, 256])
    """
    x = x.float()
    if x.dim() == 3:
        return _pooled_sequences(x, lengths)
    if x.dim() < 4:
        return x.flatten(1)
    if x.dim() > 4:
        x = x.flatten(1, -4).mean(dim=1)  # [N, L, C, H, W] -> [N, C, H, W]
    grid = next((g for g in GRIDS if x.shape[1] * g * g <= WIDTH), 1)
    size = min(grid, x.shape[-2]), min(grid, x.shape[-1])
    return adaptive_avg_pool2d(x, size).flatten(1)  # [N, C*H'*W']


def _pooled_sequences(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Statistics `[N, D']` of sequences `[N, L, D]`."""
    own = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    for windows in WINDOWS:
        if 2 * windows * x.shape[2] <= WIDTH:
            return window_statistics(x, own, windows, ("mean", "std")).flatten(1)
    return window_statistics(x, own, 1).flatten(1)
