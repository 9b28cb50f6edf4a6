from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_mm.losses import joint_cross_entropy


def numpy_cross_entropy(logits: np.ndarray, target: np.ndarray, smoothing: float) -> float:
    """Cross-entropy in float64 with smoothed targets, from the definition."""
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = np.full_like(log_p, smoothing / logits.shape[1])
    wanted[np.arange(len(target)), target] += 1 - smoothing
    return float(-(wanted * log_p).sum(axis=1).mean())


@pytest.mark.parametrize("weight", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_joint_cross_entropy_equals_numpy(weight: float, smoothing: float) -> None:
    fused, audio, visual = torch.randn(3, 5, 4, dtype=torch.float64)
    target = torch.tensor([0, 1, 2, 3, 1])
    terms = [
        numpy_cross_entropy(logits.numpy(), target.numpy(), smoothing)
        for logits in (fused, audio, visual)
    ]
    loss = joint_cross_entropy(fused, {"audio": audio, "visual": visual}, target, weight, smoothing)
    assert loss.item() == pytest.approx(terms[0] + weight * (terms[1] + terms[2]), rel=1e-12)
