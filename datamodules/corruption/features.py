"""Corruptions of features: sequences `[L, ...]` over time, or arrays `[...]` without.

By the same random stream a worse one is more of the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


def noise(
    features: Features,
    snr_db: float,
    rng: np.random.Generator,
    deviation: NDArray[np.float64],
) -> Features:
    """Add Gaussian noise to each feature: `SNR = 20 log10(its deviation / that of the noise)`.

    Args:
        features: `[L, ...]`, or `[...]`.
        snr_db: in dB.
        rng: of the sample.
        deviation: of each feature over samples and steps, `[...]`.

    Example:
        >>> noise(np.float32([1, 2]), 0.0, np.random.default_rng(0), np.array([0.0, 10.0]))
        array([  1.      , -11.871249], dtype=float32)
    """
    drawn = rng.standard_normal(features.shape, np.float32)
    return features + drawn * (deviation * 10 ** (-snr_db / 20)).astype(np.float32)


def missing_values(features: Features, part: float, rng: np.random.Generator) -> Features:
    """Set each value to 0 with a probability.

    Example:
        >>> round(float(missing_values(np.ones(1000), 0.3, np.random.default_rng(0)).mean()), 1)
        0.7
    """
    return np.where(rng.random(features.shape) < part, features.dtype.type(0), features)


def missing_span(features: Features, part: float, rng: np.random.Generator) -> Features:
    """Set a part of the steps, one after the other, to 0.

    Example:
        >>> missing_span(np.float32([[1], [2], [3]]), 0.3, np.random.default_rng(0)).ravel()
        array([1., 0., 3.], dtype=float32)
    """
    steps = round(part * len(features))
    start = int(rng.random() * (len(features) - steps + 1))
    kept = features.copy()
    kept[start : start + steps] = 0
    return kept
