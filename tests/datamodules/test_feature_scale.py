"""Features are standardised one by one, and a constant one becomes zero."""

from __future__ import annotations

import numpy as np

from datamodules.split import FeatureScale


def test_each_feature_gets_mean_zero_and_deviation_one() -> None:
    steps = np.random.default_rng(0).normal([1, -50], [3, 0.01], (400, 2))
    scaled = FeatureScale.fit(steps)(steps)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    assert scaled.dtype == np.float32


def test_a_constant_feature_is_shifted_to_zero() -> None:
    steps = np.full((7, 1), 0.1)  # whose deviation rounds to 1e-17, not to 0
    assert np.abs(FeatureScale.fit(steps)(steps)).max() < 1e-6
