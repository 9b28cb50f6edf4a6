"""Losses as pure functions, one published formula each."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, LossTerms


def joint_cross_entropy(
    fused: Tensor,
    unimodal: dict[str, Tensor],
    target: Tensor,
    joint_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> LossTerms:
    """Cross-entropy of the fusion and that of every modality (IEMF Eq. 6 with joint learning).

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
        The summands of L, scalars in nats and means over the batch, by modality and for `FUSED`.
    """
    terms = {FUSED: cross_entropy(fused, target, label_smoothing=label_smoothing)}
    for name, logits in unimodal.items():
        loss = cross_entropy(logits, target, label_smoothing=label_smoothing)
        terms[name] = joint_weight * loss
    return terms
