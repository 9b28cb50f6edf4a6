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
    unimodal = {"audio": audio, "visual": visual}
    loss = joint_cross_entropy(fused, unimodal, target, weight, smoothing)
    assert list(loss) == ["fused", "audio", "visual"]
    expected = [terms[0], weight * terms[1], weight * terms[2]]
    assert [term.item() for term in loss.values()] == pytest.approx(expected, rel=1e-12)
