"""OGM-GE: on-the-fly gradient modulation; its generalisation noise is beside it, in `iemf`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from snn_mm.callbacks.modulation.functional.iemf import true_class_probability


def ogm_coefficients(ratios: Mapping[str, float], alpha: float = 0.8) -> dict[str, float]:
    """Coefficient k of each modality's gradient (OGM-GE Eq. 10).

    k_m = 1 - tanh(α · ρ_m) if ρ_m > 1, else 1: a modality that outdoes the others is slowed down.
    k jumps at balance, from 1 to 1 - tanh α (0.336 for α = 0.8). The released code takes its else
    branch at ρ = 1 exactly and slows the first modality down; the equation, and this function,
    leave both alone. With three or more modalities several can be slowed down at once.

    Source: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation".

    Args:
        ratios: discrepancy ratio ρ by modality.
        alpha: degree of modulation α > 0.

    Returns:
        k in [0, 1] by modality, without unit.

    Example:
        >>> found = ogm_coefficients({"audio": 2.0, "visual": 0.5})
        >>> round(found["audio"], 4), found["visual"]  # 1 - tanh 1.6
        (0.0783, 1.0)
    """
    return {
        name: 1.0 - math.tanh(alpha * ratio) if ratio > 1.0 else 1.0
        for name, ratio in ratios.items()
    }


def cosine_probability(logits: Tensor, target: Tensor) -> Tensor:
    """BalanceBenchmark's score where there are three modalities: softmax(cos o)_y if y is named.

    The true-class probability of the cosine of each logit, and 0 for a sample whose largest logit
    is another class's. A score stays within [1 / (1 + (K - 1) e²), e² / (e² + K - 1)] or is 0.

    Source: `OGM_trainer.py` of BalanceBenchmark, method `OGM_GE`.

    Args:
        logits: o, `[N, K]`.
        target: class indices y `[N]`.

    Returns:
        `[N]` in [0, 1], without gradient.

    Example:
        >>> cosine_probability(torch.tensor([[0.0, -math.pi]]), torch.tensor([0]))  # e² / (e² + 1)
        tensor([0.8808])
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    probability = true_class_probability(logits.to(dtype).cos(), target)  # [N]
    return probability * (logits.argmax(dim=-1) == target)
