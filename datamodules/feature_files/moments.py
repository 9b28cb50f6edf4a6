"""Mean and standard deviation of rows that come in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
