from __future__ import annotations

import math

import numpy as np
import torch

from snn_mm.callbacks.modulation.functional.loss_adjustment import attention_factors


def test_factors_fall_with_score_and_ratio_and_are_one_at_balance() -> None:
    ratios = np.array([0.5, 1.0, 1.5, 4.0])
    scores = np.array([[0.1, 0.4], [0.2, 0.3], [0.3, 0.2], [0.4, 0.1]])
    expected = [
        [1 - math.tanh(a * rho) if rho > 1 else 1.0 for a in row]
        for rho, row in zip(ratios, scores)
    ]
    factors = attention_factors(torch.tensor(ratios), torch.tensor(scores).requires_grad_())
    np.testing.assert_allclose(factors.numpy(), expected, rtol=1e-12)  # no gradient
