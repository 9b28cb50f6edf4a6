"""OGM-GE: on-the-fly gradient modulation (its generalisation noise is in `snn_mm.factors`)."""

from __future__ import annotations

import math
from collections.abc import Mapping


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
    """
    return {
        name: 1.0 - math.tanh(alpha * ratio) if ratio > 1.0 else 1.0
        for name, ratio in ratios.items()
    }
