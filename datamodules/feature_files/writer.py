"""Writes feature sequences block by block, so that memory holds one block of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK_BYTES = 1 << 25
"""Bytes of source that are read at once: 32 MB."""


class Replacements(NamedTuple):
    """What had to be replaced in one modality of one split.

    Attributes:
        nonfinite: NaN and infinite values of valid steps, which became 0.
        empty: sequences without a step, which became one step of zeros.
    """

    nonfinite: int
    empty: int


class FeatureStoreWriter:
    """Writes the arrays of a store and gathers what its manifest says of them.

    Args:
        directory: an empty directory.
        on_block: called with the number of bytes of each block that was read.

    Attributes:
        reports: by `split/modality`.
        moments: by modality, over the valid steps of `train`.
        sha: SHA-256 of everything that was added.
    """

    def __init__(self, directory: Path, on_block: Callable[[int], None]) -> None:
        self.directory, self.on_block = directory, on_block
        self.reports: dict[str, Replacements] = {}
        self.moments: dict[str, Moments] = {}
        self.sha = hashlib.sha256()

    def add(self, split: str, modality: str, array: Array, lengths: Array) -> None:
        """Write one array `[N, L, D]` as float32, zero beyond its lengths `[N]`."""
        if split == "train":
            self.moments[modality] = Moments(array.shape[2])
        nonfinite = 0
        self.sha.update(f"{split} {modality} {array.shape}".encode())
        with (self.directory / f"{split}_{modality}.npy").open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for rows in blocks(array):
                with np.errstate(over="ignore", invalid="ignore"):  # overflows count as infinite
                    block = np.array(array[rows], dtype="<f4", order="C")
                valid = np.arange(block.shape[1]) < lengths[rows, None]  # [B, L]
                block[~valid] = 0
                broken = ~np.isfinite(block)
                nonfinite += int(np.count_nonzero(broken))
                block[broken] = 0
                if split == "train":
                    self.moments[modality].update(block[valid])
                file.write(block.data)
                self.sha.update(block.data)
                self.on_block(array[rows].nbytes)
        self.reports[f"{split}/{modality}"] = Replacements(nonfinite, int((lengths == 0).sum()))


class Moments:
    """Gathers mean and deviation by the pairwise update of Chan, Golub and LeVeque (1979).

    Sums of squares would lose digits where the mean is large, as in positions in pixels.

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        self.count = 0
        self.mean = np.zeros(features)
        self.squares = np.zeros(features)  # sum of squared distances from the mean

    def update(self, rows: NDArray[Any]) -> None:
        """Add rows `[n, D]`."""
        if not len(rows):
            return
        mean = rows.mean(axis=0, dtype=np.float64)  # [n, D] -> [D]
        squares = np.square(rows - mean).sum(axis=0)  # [n, D] -> [D]
        total, shift = self.count + len(rows), mean - self.mean
        self.squares += squares + shift**2 * self.count * len(rows) / total
        self.mean += shift * len(rows) / total
        self.count = total

    def statistics(self) -> dict[str, list[float]]:
        """Mean and deviation `[D]`; the deviation of a constant feature counts as 1."""
        deviation = np.sqrt(self.squares / max(1, self.count))
        # float32 tells no values apart that are closer than this.
        deviation[deviation <= 1e-6 * np.abs(self.mean)] = 1
        return {"mean": self.mean.tolist(), "deviation": deviation.tolist()}


def blocks(array: Array) -> Iterator[slice]:
    """Rows of an array `[N, ...]` in slices of at most `BLOCK_BYTES`, or of one row."""
    rows = max(1, BLOCK_BYTES // max(1, array[:1].nbytes))
    return (slice(begin, begin + rows) for begin in range(0, len(array), rows))
