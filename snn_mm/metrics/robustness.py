"""How robust a network is to what makes its inputs worse, step by step: MultiBench's two numbers.

Liang et al., "MultiBench: Multiscale Benchmarks for Multimodal Representation Learning" (NeurIPS
2021), evaluation of robustness, and `eval_scripts/robustness.py` of its code.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def relative_robustness(curve: Sequence[float]) -> float:
    """Area under a curve of performance over imperfection: how good it stays, however good it was.

    τ = ∫₀¹ f(σ) dσ by the trapezoidal rule, over equal steps of the imperfection σ from 0 (clean)
    to 1 (the worst that was measured). A curve that never falls has its own height. MultiBench's
    code divides by ten whatever the number of its levels, and scales τ to [0, 1] over the methods
    that it knows; here it keeps the unit of f.

    Args:
        curve: f(σ), the clean performance first.

    Example:
        >>> relative_robustness([0.9, 0.7, 0.5])
        0.7
    """
    steps = len(curve) - 1
    return sum((left + right) / 2 for left, right in pairwise(curve)) / steps


def effective_robustness(curve: Sequence[float], baseline: Sequence[float]) -> float:
    """How much better a method stays than a baseline that begins as high.

    ρ = ∫₀¹ f(σ) − β(σ) dσ with β(σ) = b(σ) + f(0) − b(0), the baseline b moved to the method's own
    clean performance (after Taori et al., 2020). MultiBench's baseline is late fusion, and its code
    sums over the levels what is integrated here.

    Args:
        curve: f(σ), the clean performance first.
        baseline: b(σ) at the same σ.

    Example:
        >>> round(effective_robustness([0.9, 0.8, 0.7], [0.8, 0.6, 0.4]), 4)
        0.1
    """
    shift = curve[0] - baseline[0]
    return relative_robustness([f - (b + shift) for f, b in zip(curve, baseline, strict=True)])
