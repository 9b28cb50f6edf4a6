"""Feature-wise shift and scale, learnt from the training part alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FeatureScale(NamedTuple):
    """Shift and scale each feature to a mean and deviation.

    Attributes:
        mean: `[D]`.
        deviation: `[D]`, above 0.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def fit(cls, steps: NDArray[Any]) -> FeatureScale:
        """Take mean and deviation of `steps` `[n, D]`; features that never change are shifted."""
        exact = steps.astype(np.float64)
        # Rounding leaves a constant a deviation that is tiny but not zero.
        constant = (exact == exact[:1]).all(axis=0)
        return cls(exact.mean(axis=0), np.where(constant, 1.0, exact.std(axis=0)))

    def __call__(self, steps: NDArray[Any]) -> NDArray[np.float32]:
        """Standardise `[..., D]`."""
        return ((steps - self.mean) / self.deviation).astype(np.float32)
