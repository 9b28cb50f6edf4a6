"""LFM: weighing classification against the gap between modalities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

POLYNOMIAL = (
    2.04623704e-01,
    3.35472727e-03,
    1.22989557e-04,
    -2.92947416e-06,
    2.23835486e-08,
    -5.39717505e-11,
)
"""Coefficients of α1 over the epoch, from degree 0 up (`Crema_epoch.py`)."""

LAST_EPOCH = 199
"""The polynomial was fitted to 200 epochs; it dives below -3 at epoch 260."""

BOUNDS = (0.05, 0.95)
"""Smallest and largest α2 of the learnable schedule."""


def fitted_alpha(epoch: int) -> float:
    """Weight α1 of the classification loss, as fitted to a learned schedule; α2 = 1 - α1.

    α1(e) = Σ_i c_i e^i, a polynomial of degree 5, from 0.205 at epoch 0 to 0.539 at epoch 100. It
    is held from epoch 199 on, and cut at 1, which it exceeds by 0.011 around epoch 183.

    Source: Yang et al., "Facilitating Multimodal Classification via Dynamically Learning Modality
    Gap", NeurIPS 2024, and their code.

    Args:
        epoch: counted from 0.

    Returns:
        α1 in [0.2, 1], without unit.

    Example:
        >>> round(fitted_alpha(0), 4), round(fitted_alpha(100), 3)
        (0.2046, 0.539)
    """
    held = min(epoch, LAST_EPOCH)
    return min(1.0, sum(coefficient * float(held) ** i for i, coefficient in enumerate(POLYNOMIAL)))


def divergence(logits: Sequence[Tensor], reverse: bool = False) -> Tensor:
    """Jensen-Shannon divergence between softmax distributions, any number of them.

    D = 1/M Σ_m KL(p_m ‖ p̄) with p̄ = 1/M Σ_m p_m: 0 where all agree, at most log M. Reversed it is
    1/M Σ_m KL(p̄ ‖ p_m), which the released codes of LFM and IEMF compute: it has no upper bound.

    Source: Lin, "Divergence Measures Based on the Shannon Entropy" (equal weights); `Alignment` in
    both codes for the reversed form.

    Args:
        logits: `[N, K]` (or features `[N, D]`) of each modality, at least two.
        reverse: whether to turn the arguments of KL around.

    Returns:
        Mean over the batch, a scalar in nats, in at least float32.

    Example:
        >>> divergence([torch.tensor([[99.0, 0.0]]), torch.tensor([[0.0, 99.0]])])  # log 2
        tensor(0.6931)
    """
    dtype = torch.promote_types(logits[0].dtype, torch.float32)
    logs = torch.stack([value.log_softmax(dim=-1, dtype=dtype) for value in logits])  # [M, N, K]
    mixture = logs.logsumexp(dim=0) - math.log(len(logits))  # [N, K]
    weight = mixture.exp() if reverse else logs.exp()
    gap = mixture - logs if reverse else logs - mixture
    return (weight * gap).sum(dim=-1).mean()  # [M, N, K] -> [M, N] -> scalar


def present_divergence(
    logits: Sequence[Tensor], there: Tensor, pairs: bool = False, reverse: bool = False
) -> Tensor:
    """`divergence` or `pairwise_divergence` between the modalities that each sample has.

    Args:
        logits: `[N, K]` of each modality.
        there: which samples have which modality, bool `[M, N]`.
        pairs: whether to take the mean over the pairs of a sample.
        reverse: see `divergence`.

    Returns:
        Mean over the samples that have several, a scalar in nats; a zero without a graph of none.

    Example:
        >>> a, b = torch.tensor([[99.0, 0.0]] * 2), torch.tensor([[0.0, 99.0]] * 2)
        >>> present_divergence([a, b], torch.tensor([[True, True], [True, False]]))  # log 2
        tensor(0.6931)
    """
    rows = (there.sum(dim=0) > 1).nonzero().squeeze(1)
    if not len(rows):
        return logits[0].new_zeros(())
    dtype = torch.promote_types(logits[0].dtype, torch.float32)
    logs = torch.stack([value[rows].log_softmax(dim=-1, dtype=dtype) for value in logits])
    masks = there[:, rows]  # [M, n]
    chosen = combinations(range(len(logits)), 2) if pairs else [range(len(logits))]
    summed, judged = logs.new_zeros(len(rows)), logs.new_zeros(len(rows))
    for names in map(list, chosen):
        own, several = masks[names], masks[names].sum(dim=0) > 1  # [M', n], [n]
        summed = summed + _own_divergence(logs[names], own, reverse).masked_fill(~several, 0.0)
        judged = judged + several
    return (summed / judged).mean()


def _own_divergence(logs: Tensor, there: Tensor, reverse: bool) -> Tensor:
    """Divergence `[N]` between the distributions `[M, N, K]`, in logarithms, that are there.

    Args:
        logs: `[M, N, K]`.
        there: bool `[M, N]`.
        reverse: whether to turn the arguments of KL around.
    """
    number = there.sum(dim=0).clamp_min(1)  # [N]
    known = logs.masked_fill(~there.unsqueeze(-1), -math.inf)
    mixture = known.logsumexp(dim=0) - number.log().unsqueeze(-1)  # [N, K]
    mixture = mixture.masked_fill(~there.any(dim=0).unsqueeze(-1), 0.0)
    weight = mixture.exp() if reverse else logs.exp()
    gap = mixture - logs if reverse else logs - mixture
    each = (weight * gap).sum(dim=-1)  # [M, N, K] -> [M, N]
    return each.masked_fill(~there, 0.0).sum(dim=0) / number


def pairwise_divergence(logits: Sequence[Tensor], reverse: bool = False) -> Tensor:
    """Mean of `divergence` over all pairs of modalities, as BalanceBenchmark has it.

    Of two modalities the same; of more, distributions that agree but for one are farther apart by
    the divergence of all than by that of pairs.

    Args:
        logits: `[N, K]` of each modality, at least two.
        reverse: see `divergence`.

    Returns:
        A scalar in nats.

    Example:
        >>> a, b = torch.tensor([[99.0, 0.0]]), torch.tensor([[0.0, 99.0]])
        >>> pairwise_divergence([a, a, b])  # two pairs of three: 2 / 3 log 2
        tensor(0.4621)
    """
    gaps = [divergence(pair, reverse) for pair in combinations(logits, 2)]
    return torch.stack(gaps).mean()


def hyper_gradient(
    held_out: Sequence[Tensor], classification: Sequence[Tensor], gap: Sequence[Tensor]
) -> float:
    """Derivative of the held-out loss by α2, through one step of gradient descent of unit rate.

    After θ' = θ - ∇(α1 L_cls + α2 L_gap) with α1 = 1 - α2,
    dL(θ') / dα2 = -∇L(θ') · (∇L_gap - ∇L_cls), here with ∇L at θ instead of θ' (first order): α
    enters the step linearly, so no second derivative is needed.

    Source: the bi-level problem of Yang et al., NeurIPS 2024. Their code takes the mean entry of
    one layer's Hessian-vector product instead, which is no derivative by α.

    Args:
        held_out: gradient of the held-out classification loss, a tensor per parameter.
        classification: gradient of the training classification loss, of the same shapes.
        gap: gradient of the training divergence, of the same shapes.

    Returns:
        The derivative, in nats.

    Example:
        >>> held_out, own, other = (torch.tensor(x) for x in ([1.0, 2.0], [1.0, 0.0], [3.0, 1.0]))
        >>> hyper_gradient([held_out], [own], [other])  # -(1 * 2 + 2 * 1)
        -4.0
    """
    products = [
        (held * (other - own)).sum(dtype=torch.float64)
        for held, own, other in zip(held_out, classification, gap, strict=True)
    ]
    return -float(torch.stack(products).sum())


def learned_alpha(alpha2: float, derivative: float, rate: float) -> float:
    """One step of α2 against its derivative, kept within [0.05, 0.95].

    Example:
        >>> learned_alpha(0.5, 2.0, 0.125), learned_alpha(0.5, 2.0, 1.0)
        (0.25, 0.05)
    """
    low, high = BOUNDS
    return min(high, max(low, alpha2 - rate * derivative))
