"""AGM: adaptive gradient modulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor

from snn_mm.callbacks.modulation.functional.ratio import mean_of_others

AGMForm = Literal["released", "benchmark"]

CAPS: dict[AGMForm, float] = {"released": 10.0, "benchmark": 7.0}
"""Largest difference of ratios that enters the exponential."""

SMALLEST_PROBABILITY = 1e-8
"""Probabilities below it count as it, so that a score never exceeds 18.4 nats."""


def mono_modal_responses(
    fused: Tensor, alone: Mapping[str, Tensor], there: Tensor | None = None
) -> dict[str, Tensor]:
    """Share of each modality in the fused logits.

    φ_m = o_m + (o_f - Σ_k o_k) / M, where o_m are the logits with all other modalities set to
    zero. For two modalities this is the released φ_a = (o_f - o_v + o_a) / 2. The shares add up to
    o_f. For more modalities it is the equal surplus division, which equals the paper's Shapley
    value where modalities add up (Concat, Sum) and needs no 2^M forward passes elsewhere.

    Source: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient Modulation".

    Args:
        fused: logits `[N, K]` of the fusion.
        alone: logits `[N, K]` by modality, zero where it is absent.
        there: which samples have which modality, bool `[M, N]`, so that M is their number; without
            it all have all.

    Returns:
        Logits `[N, K]` by modality.

    Example:
        >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> mono_modal_responses(torch.tensor([[3.0, 1.0]]), {"a": a, "b": b})["a"]  # + (2, 0) / 2
        tensor([[2., 0.]])
    """
    sharing = len(alone) if there is None else there.sum(dim=0).unsqueeze(-1)  # M, or [N, 1]
    surplus = (fused - torch.stack(list(alone.values())).sum(dim=0)) / sharing  # [N, K]
    return {name: logits + surplus for name, logits in alone.items()}


def coalitions(names: list[str]) -> Iterator[frozenset[str]]:
    """Every non-empty subset of some modalities.

    Example:
        >>> [sorted(chosen) for chosen in coalitions(["a", "b"])]
        [['a'], ['b'], ['a', 'b']]
    """
    for size in range(1, len(names) + 1):
        yield from map(frozenset, combinations(names, size))


def coalition_responses(logits: Mapping[frozenset[str], Tensor]) -> dict[str, Tensor]:
    """Shapley value of each modality without the step from nothing to it alone.

    φ_m = Σ_S |S|! (M - |S| - 1)! / M! · (o(S + m) - o(S)) over the non-empty subsets S of the
    others. BalanceBenchmark leaves out S = ∅, so that the shares do not add up to the fused logits:
    of two modalities φ_a = (o_f - o_v) / 2, where the authors have (o_f - o_v + o_a) / 2.

    Source: `AGM_trainer.py` of BalanceBenchmark.

    Args:
        logits: `[N, K]` by coalition, all that are not empty.

    Returns:
        Logits `[N, K]` by modality.

    Example:
        >>> logits = {"a": 1.0, "b": 2.0, "ab": 5.0}
        >>> logits = {frozenset(names): torch.tensor([[o]]) for names, o in logits.items()}
        >>> coalition_responses(logits)["a"]  # (5 - 2) / 2
        tensor([[1.5000]])
    """
    names = sorted(frozenset().union(*logits))
    total = math.factorial(len(names))
    responses = {}
    for name in names:
        others = [other for other in names if other != name]
        summands = [
            math.factorial(len(chosen))
            * math.factorial(len(others) - len(chosen))
            / total
            * (logits[chosen | {name}] - logits[chosen])
            for chosen in coalitions(others)
        ]
        responses[name] = torch.stack(summands).sum(dim=0)  # [S, N, K] -> [N, K]
    return responses


def surprise(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each sample, its probability at least 1e-8 (AGM's score before the mean).

    Args:
        logits: `[N, K]`.
        target: class indices `[N]`.

    Returns:
        -log max(p_y, 1e-8) in nats `[N]`, without gradient.

    Example:
        >>> surprise(torch.zeros(1, 2), torch.tensor([0]))  # log 2
        tensor([0.6931])
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_probability = logits.detach().log_softmax(dim=-1, dtype=dtype)
    chosen = log_probability.gather(-1, target.unsqueeze(-1)).squeeze(-1)  # [N]
    return -chosen.clamp_min(math.log(SMALLEST_PROBABILITY))


def running_mean(before: float, value: float, count: int) -> float:
    """Mean of `count` values of which `before` is the mean of all but the last.

    Example:
        >>> running_mean(2.0, 5.0, 3)  # of 2, 2, 5
        3.0
    """
    return before + (value - before) / count


def agm_coefficients(
    scores: Mapping[str, float],
    references: Mapping[str, float],
    alpha: float = 1.0,
    form: AGMForm = "released",
) -> dict[str, float]:
    """Coefficient κ of each modality's gradient.

    κ_m = exp(α · min(τ_m - r_m, cap)), r_m = exp(mean of the others' s - s_m), and τ_m the same
    ratio of the running means of s. With M modalities the exponent is M / (M - 1) · (s̄ - s_m); with
    two it is s_v - s_a. r_m is large where the modality does better than the others; it is slowed
    down where it does so more than it used to.

    `released` is the authors' code (cap 10). `benchmark` is BalanceBenchmark's: cap 7, and s_m -
    mean of the others' s, the opposite sign, so that there the weaker modality is slowed down.

    Source: Li et al., ICCV 2023, section 3, and `run/CREMAD_main.py` of their repository;
    `AGM_trainer.py` of BalanceBenchmark.

    Args:
        scores: mean cross-entropy s of the mono-modal responses of this step, nats, by modality.
        references: running mean of the same over all steps before this one.
        alpha: degree of modulation α > 0.
        form: whose code.

    Returns:
        κ > 0 by modality, without unit.

    Example:
        >>> found = agm_coefficients({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 1.0})
        >>> round(found["a"], 4), round(found["b"], 4)  # exp(1 - e), exp(1 - 1 / e)
        (0.1794, 1.8816)
    """
    sign = 1.0 if form == "released" else -1.0

    def ratio(values: Mapping[str, float], name: str) -> float:
        return math.exp(sign * (mean_of_others(values, name) - values[name]))

    cap = CAPS[form]
    return {
        name: math.exp(alpha * min(ratio(references, name) - ratio(scores, name), cap))
        for name in scores
    }
