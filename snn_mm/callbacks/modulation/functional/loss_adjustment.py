"""TAAF's adaptive balanced fusion loss: the modulation factor of each time step."""

from __future__ import annotations

import torch
from torch import Tensor


def attention_factors(ratios: Tensor, scores: Tensor) -> Tensor:
    """Modulation factor k of each time step, its attention score being the strength of it.

    k(t) = 1 - tanh(α(t) · ρ(t)) where ρ(t) > 1, else 1. TAAF (before Eq. 10) writes the constant
    that controls the suppression with the letter of the attention scores, and k with an index t
    that is also the one of its batches: this reads both as time. As α(t) is about 1/T, k is nearer
    to 1 than with a constant of 0.8.

    Args:
        ratios: contribution ratio ρ of one modality at each time step, `[T]`, not negative.
        scores: α of the same modality, `[T, N]`, in [0, 1].

    Returns:
        k `[T, N]` in [0, 1], without gradient.

    Example:
        >>> attention_factors(torch.tensor([2.0, 0.5]), torch.full((2, 1), 0.5)).flatten()  # tanh 1
        tensor([0.2384, 1.0000])
    """
    ratios = ratios.to(scores).unsqueeze(-1)  # [T, 1]
    factors = 1.0 - torch.tanh(scores.detach() * ratios)
    return torch.where(ratios > 1.0, factors, torch.ones_like(factors))
