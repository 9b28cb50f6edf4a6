"""The factors that modulations compute, as pure functions of the evidence of one optimizer step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from snn_mm.contracts import Evidence, Presence
from snn_mm.errors import UserError, check_choice
from snn_mm.presence import restricted

Kappa = Literal["tanh", "softsign", "arctan", "algebraic", "hardtanh"]

KAPPAS: dict[Kappa, Callable[[float], float]] = {
    "tanh": math.tanh,
    "softsign": lambda x: x / (1.0 + abs(x)),
    "arctan": lambda x: math.atan(math.pi / 2.0 * x) * 2.0 / math.pi,
    "algebraic": lambda x: x / math.hypot(1.0, x),
    "hardtanh": lambda x: max(-1.0, min(1.0, x)),
}
"""Bounded gating functions for IEMF Eq. 10: odd, increasing, slope 1 at 0, range within [-1, 1]."""

EPSILON = 1e-12
"""Keeps the ratio of two strengths finite where the fusion's vanishes."""


def true_class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """Probability that the softmax gives the true class (IEMF Eqs 7 and 8; OGM-GE's score).

    Computed in at least float32, so that half-precision logits lose nothing in the softmax.

    Args:
        logits: `[..., N, K]`.
        target: class indices `[..., N]`, each in `[0, K)`.

    Returns:
        Probabilities `[..., N]`, without gradient.

    Example:
        >>> true_class_probability(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([0]))  # 3 / 4
        tensor([0.7500])
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    probability = logits.detach().softmax(dim=-1, dtype=dtype)
    return probability.gather(-1, target.unsqueeze(-1)).squeeze(-1)  # [..., N]


def gather_evidence(
    logits: dict[str, Tensor],
    target: Tensor,
    score: Callable[[Tensor, Tensor], Tensor] = true_class_probability,
    present: Presence | None = None,
) -> Evidence:
    """Sum the true-class probabilities of a batch (IEMF Eqs 7-9, before the division).

    Args:
        logits: `[N, K]` by modality and for the fusion.
        target: class indices `[N]`.
        score: what is summed, from logits `[N, K]` and the target to `[N]`.
        present: which samples have a modality, bool `[N]`; others are not summed. Without it all.

    Returns:
        Sums in float64, so that many micro-batches and ranks add up without loss.

    Example:
        >>> gather_evidence({"audio": torch.zeros(6, 4)}, torch.zeros(6, dtype=torch.long)).sums
        {'audio': tensor(1.5000, dtype=torch.float64)}
    """
    # Filled, not copied there: a copy would wait for the GPU.
    samples = torch.full((), float(target.shape[0]), dtype=torch.float64, device=target.device)
    if masks := restricted(present, logits):
        every = torch.ones_like(next(iter(masks.values())))
        there = {name: masks.get(name, every) for name in logits}
        each = {n: score(x, target).masked_fill(~there[n], 0.0) for n, x in logits.items()}
        sums = {name: value.sum(dtype=torch.float64) for name, value in each.items()}
        counts = {name: mask.sum(dtype=torch.float64) for name, mask in there.items()}
        return Evidence(sums, samples, counts)
    alike = len({(value.shape, value.dtype) for value in logits.values()}) == 1
    if alike and score is true_class_probability:
        stacked = torch.stack(list(logits.values()))  # [M, N, K], a fifth of the calls
        scores = score(stacked, target.expand(stacked.shape[:-1]))  # [M, N]
        sums = dict(zip(logits, scores.sum(dim=-1, dtype=torch.float64).unbind()))
    else:
        each = {name: score(value, target) for name, value in logits.items()}
        sums = {name: value.sum(dtype=torch.float64) for name, value in each.items()}
    return Evidence(sums, samples)


def iemf_coefficient(
    unimodal: Sequence[float], fused: float, gamma: float = 1.0, kappa: Kappa = "tanh"
) -> float:
    """Inverse-effectiveness coefficient ξ (IEMF Eqs 9 and 10).

    ξ = γ · (1 + κ(1 − S^u / S^f)), where S^u is the mean of the unimodal strengths (the paper's
    two-modality average, for any number of modalities) and S^f the strength of the fusion. Weak
    unimodal evidence gives ξ > γ, strong unimodal evidence ξ < γ. Since S^u / S^f >= 0, the
    argument of κ never exceeds 1: with tanh ξ stays below γ · (1 + tanh 1) ≈ 1.762 γ, which is
    tighter than the 2 γ of the paper. As S^f → 0 the coefficient tends to γ · (1 + κ(−∞)); where
    both strengths vanish it is γ · (1 + κ(1)), the strongest update.

    Source: He et al., "Incorporating brain-inspired mechanisms for multimodal learning in
    artificial intelligence", section 4.

    Args:
        unimodal: summed (or mean) true-class probability of each modality, over the same samples.
        fused: the same of the fusion.
        gamma: inverse gain coefficient γ > 0.
        kappa: name of the bounded gating function κ.

    Returns:
        ξ >= 0, without unit.

    Raises:
        UserError: `gamma` is not positive, or `kappa` is unknown.
        ValueError: no modality was given, or a strength is negative.

    Example:
        >>> round(iemf_coefficient([0.2, 0.4], 0.6), 4)  # 1 + tanh(1 - 0.3 / 0.6)
        1.4621
    """
    check_iemf_options(gamma, kappa)
    if not unimodal or min(*unimodal, fused) < 0:
        raise ValueError(f"strengths must be non-negative sums, got {unimodal} and {fused}")
    strength = sum(unimodal) / len(unimodal)
    ratio = strength / max(fused, EPSILON)
    return gamma * (1.0 + KAPPAS[kappa](1.0 - ratio))


def check_iemf_options(gamma: float, kappa: str) -> None:
    """Raise a UserError unless γ is positive and κ is known."""
    if not gamma > 0:
        raise UserError(f"IEMF: gamma must be positive, got {gamma}")
    check_choice("IEMF: kappa", kappa, get_args(Kappa))


def generalisation_noise(gradient: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise of the gradient's own standard deviation: the "GE" of OGM-GE.

    N(0, (std(g) + 1e-8)²), elementwise, from the gradient before any scaling. The released IEMF
    code adds it to the fusion's gradient although the paper's Eq. 11 has none.

    Source: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", Eq. 10.

    Args:
        gradient: any shape.
        generator: source of the noise, on the gradient's device.

    Returns:
        Noise of the gradient's shape and dtype; zero where a single element has no spread.

    Example:
        >>> generalisation_noise(torch.tensor([3.0]), torch.Generator())  # one has no spread
        tensor([0.])
    """
    if gradient.numel() < 2:
        return torch.zeros_like(gradient)
    noise = torch.empty_like(gradient).normal_(generator=generator)
    return noise * (gradient.std() + 1e-8)
