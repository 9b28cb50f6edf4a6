"""Losses as pure functions, one published formula each."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy


def joint_cross_entropy(
    fused: Tensor,
    unimodal: dict[str, Tensor],
    target: Tensor,
    joint_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of the fusion plus that of every modality (IEMF Eq. 6 with joint learning).

    L = CE(o_f, y) + w · Σ_m CE(o_m, y). The paper's Eq. 6 holds the first term alone; its released
    code and its ablation ("joint learning") train with w = 1.

    Args:
        fused: logits `[N, K]`.
        unimodal: logits `[N, K]` by modality.
        target: class indices `[N]`.
        joint_weight: w >= 0.
        label_smoothing: share of the target spread over all classes, in [0, 1); 0.1 in the
            released code.

    Returns:
        A scalar in nats, mean over the batch.
    """
    loss = cross_entropy(fused, target, label_smoothing=label_smoothing)
    for logits in unimodal.values():
        loss = loss + joint_weight * cross_entropy(logits, target, label_smoothing=label_smoothing)
    return loss
