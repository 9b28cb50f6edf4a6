"""How much stronger one modality is than the others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

EPSILON = 1e-12
"""Keeps a ratio finite where the other modalities' score vanishes."""


def mean_of_others(values: Mapping[str, float], name: str) -> float:
    """Mean over all modalities but one.

    Args:
        values: a number by modality, at least two.
        name: the modality to leave out.

    Example:
        >>> mean_of_others({"audio": 1.0, "visual": 2.0, "text": 4.0}, "audio")
        3.0
    """
    others = [value for other, value in values.items() if other != name]
    return sum(others) / len(others)


def ratios_to_weakest(scores: Mapping[str, float]) -> dict[str, float]:
    """Score of each modality over that of the weakest, which itself has 1.

    What BalanceBenchmark takes for ρ where there are three modalities, so that all but the weakest
    are slowed down; the constant 1e-5 in its denominator is not copied.

    Source: `OGM_trainer.py` of BalanceBenchmark.

    Args:
        scores: a non-negative number by modality.

    Returns:
        ρ >= 1 by modality, without unit; very large where the weakest score vanishes.

    Example:
        >>> ratios_to_weakest({"audio": 0.5, "visual": 0.25})
        {'audio': 2.0, 'visual': 1.0}
    """
    weakest = max(min(scores.values()), EPSILON)
    return {name: max(score, EPSILON) / weakest for name, score in scores.items()}


def discrepancy_ratios(scores: Mapping[str, float]) -> dict[str, float]:
    """Discrepancy ratio ρ of each modality (OGM-GE's ρ, PMR's imbalance ratio).

    ρ_m = s_m / mean of the other modalities' s. With two modalities this is the published
    ρ_v = s_v / s_a and ρ_a = 1 / ρ_v; with more, the mean of the others is this library's
    generalisation. Where the others' score vanishes ρ is very large but finite, where both do it
    is 0.

    Source: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation".

    Args:
        scores: summed (or mean) true-class probability by modality, over the same samples.

    Returns:
        ρ >= 0 by modality, without unit.

    Raises:
        ValueError: fewer than two modalities, or a negative score.

    Example:
        >>> discrepancy_ratios({"audio": 0.5, "visual": 0.25})
        {'audio': 2.0, 'visual': 0.5}
    """
    if len(scores) < 2 or min(scores.values()) < 0:
        raise ValueError(f"scores must be two or more non-negative numbers, got {dict(scores)}")
    return {
        name: score / max(mean_of_others(scores, name), EPSILON) for name, score in scores.items()
    }


def ratios_of_steps(scores: Tensor, there: Tensor) -> Tensor:
    """Discrepancy ratio ρ at each time step, as `discrepancy_ratios` of those that are there.

    On the device of the scores, which nobody has to look at.

    Args:
        scores: summed true-class probability of each modality at each time step, `[M, T]`.
        there: which modalities any sample has, bool `[M]`.

    Returns:
        ρ >= 0, `[M, T]`; 0, which slows nothing down, where fewer than two are there.

    Example:
        >>> scores = torch.tensor([[0.5, 1.0], [0.25, 4.0], [9.0, 9.0]])
        >>> ratios_of_steps(scores, torch.tensor([True, True, False]))
        tensor([[2.0000, 0.2500],
                [0.5000, 4.0000],
                [0.0000, 0.0000]])
    """
    known = there.to(scores)  # [M]
    others = torch.outer(known, known).fill_diagonal_(0.0)  # [M, M]
    compared = others.sum(dim=1, keepdim=True)  # [M, 1]
    means = (others @ scores) / compared.clamp_min(1.0)  # [M, T]
    return scores / means.clamp_min(EPSILON) * (compared > 0)
