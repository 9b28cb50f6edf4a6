"""Theorem 1 of IEMF as numbers: how the coefficient ξ changes convergence near a minimum.

He et al., "Incorporating brain-inspired mechanisms for multimodal learning in artificial
intelligence", section 4. Δ = W − W* is the deviation from the minimiser, H the Hessian there with
eigenvalues λ_i and eigenvectors e_i, α_i = e_iᵀΔ, η the learning rate.

Three statements of the paper hold only in part; `tests/snn_mm/modules/iemf/test_theory.py` shows:

* The interval ξ < 2γ is loose: a ratio of strengths is not negative, so that with tanh
  ξ <= (1 + tanh 1) γ ≈ 1.762 γ (`coefficient_bound`).
* "For ξ < 1 high-curvature directions contract faster than vanilla", |1 − ηξλ| < |1 − ηλ|, is true
  where ηλ(1 + ξ) > 2 and false elsewhere (`contracts_faster`): for ηλ <= 1, the usual case, a
  smaller step contracts every direction more slowly. What ξ < 1 brings is stability, not speed.
* The remainder is dominated by the linear term in the norm of Δ, not in each coordinate: an α_i of
  0 is moved by it. The three cases of the theorem are about γ = 1; in general ξ > γ, = γ, < γ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from snn_mm.callbacks.modulation.functional.iemf import Kappa, iemf_coefficient

Gradient = Callable[[Tensor], Tensor]
"""A gradient `[D]` at a deviation Δ `[D]`."""


def coefficient_bound(gamma: float = 1.0, kappa: Kappa = "tanh") -> float:
    """The largest ξ there is, γ(1 + κ(1)): unimodal strength 0 (from Eq. 10).

    With tanh 1.7616 γ, which is tighter than the 2γ below Eq. 10.

    Example:
        >>> round(coefficient_bound(), 4)  # 1 + tanh 1
        1.7616
    """
    return iemf_coefficient([0.0], 1.0, gamma, kappa)


def largest_stable_rate(curvature: float, gamma: float = 1.0, kappa: Kappa = "tanh") -> float:
    """The learning rate η below which no sequence of ξ diverges: 2 / (ξ_max λ_max).

    From |1 − ηξλ| < 1 for every ξ (Eq. 13 without remainder).

    Args:
        curvature: the largest eigenvalue λ_max > 0.
        gamma: inverse gain coefficient.
        kappa: name of the gating function.

    Example:
        >>> round(largest_stable_rate(4.0), 4)  # 2 / (1.7616 * 4)
        0.2838
    """
    return 2.0 / (coefficient_bound(gamma, kappa) * curvature)


def contraction(eigenvalues: Tensor, learning_rate: float, coefficient: float) -> Tensor:
    """The factor 1 − ηξλ_i of each coordinate in one step (Eq. 13 without remainder), `[D]`.

    Args:
        eigenvalues: λ `[D]`.
        learning_rate: η.
        coefficient: ξ of the step; 1 is the vanilla method.

    Example:
        >>> contraction(torch.tensor([1.0, 4.0]), 0.25, 2.0)
        tensor([ 0.5000, -1.0000])
    """
    return 1.0 - learning_rate * coefficient * eigenvalues


def contracts_faster(eigenvalues: Tensor, learning_rate: float, coefficient: float) -> Tensor:
    """Where |1 − ηξλ| < |1 − ηλ|: IEMF contracts faster than the vanilla method, bool `[D]`.

    Squared and sorted, the inequality reads ηλ (1 − ξ) (2 − ηλ(1 + ξ)) < 0 for λ > 0. So ξ < 1
    needs ηλ(1 + ξ) > 2, steps that overshoot by far, and ξ > 1 needs ηλ(1 + ξ) < 2.

    Args:
        eigenvalues: λ > 0, `[D]`.
        learning_rate: η.
        coefficient: ξ of the step.

    Example:
        >>> contracts_faster(torch.tensor([1.0, 7.0]), 0.25, 0.5)  # ηλ(1 + ξ) = 0.375, 2.625
        tensor([False,  True])
    """
    sum_of_steps = learning_rate * eigenvalues * (1.0 + coefficient)  # [D]
    return (coefficient - 1.0) * (2.0 - sum_of_steps) > 0


def predict_coordinates(
    eigenvalues: Tensor, start: Tensor, coefficients: Sequence[float], learning_rate: float
) -> Tensor:
    """α_i^{t+1} = (1 − ηξ_tλ_i) α_i^t (Eq. 13 with R = 0), `[S + 1, D]` with the start first.

    Args:
        eigenvalues: λ `[D]`.
        start: α⁰ `[D]`.
        coefficients: ξ_t of S steps.
        learning_rate: η.

    Example:
        >>> predict_coordinates(torch.ones(1), torch.ones(1), [1.0, 2.0], 0.25).flatten()
        tensor([1.0000, 0.7500, 0.3750])
    """
    path = [start]
    for coefficient in coefficients:
        path.append(contraction(eigenvalues, learning_rate, coefficient) * path[-1])
    return torch.stack(path)


def simulate_coordinates(
    hessian: Tensor,
    start: Tensor,
    coefficients: Sequence[float],
    learning_rate: float,
    remainder: Gradient | None = None,
) -> Tensor:
    """Run Eq. 11 on L = ½ ΔᵀHΔ (+ what `remainder` is the gradient of) and look at it in e_i.

    Args:
        hessian: H, symmetric `[D, D]`.
        start: Δ⁰ `[D]`.
        coefficients: ξ_t of S steps.
        learning_rate: η.
        remainder: R(Δ), the gradient beyond HΔ; none for a quadratic.

    Returns:
        α_i^t `[S + 1, D]`, eigenvalues ascending.

    Example:
        >>> simulate_coordinates(torch.eye(1), torch.ones(1), [1.0, 2.0], 0.25).flatten()
        tensor([1.0000, 0.7500, 0.3750])
    """
    vectors: Tensor = torch.linalg.eigh(hessian).eigenvectors  # [D, D]
    deviation, path = start, [start]
    for coefficient in coefficients:
        gradient = hessian @ deviation
        if remainder is not None:
            gradient = gradient + remainder(deviation)
        deviation = deviation - learning_rate * coefficient * gradient
        path.append(deviation)
    return torch.stack(path) @ vectors  # [S + 1, D]


def remainder_bound(deviation: Tensor, lipschitz: float) -> Tensor:
    """‖R(W)‖ <= ρ/2 ‖Δ‖² (Eq. 12), a scalar.

    Args:
        deviation: Δ `[D]`.
        lipschitz: ρ of the Hessian.

    Example:
        >>> remainder_bound(torch.tensor([3.0, 4.0]), 2.0)
        tensor(25.)
    """
    return 0.5 * lipschitz * deviation.square().sum()


def norm_contraction(
    eigenvalues: Tensor, learning_rate: float, coefficient: float, lipschitz: float, radius: float
) -> float:
    """Upper bound of ‖Δ_{t+1}‖ / ‖Δ_t‖ inside a ball: max_i |1 − ηξλ_i| + ηξ ρr/2.

    Follows from Eqs 12 and 13. Below 1 for ηξλ_max <= 1 under the theorem's ρr/2 < λ_min.

    Args:
        eigenvalues: λ `[D]`.
        learning_rate: η.
        coefficient: ξ of the step.
        lipschitz: ρ of the Hessian.
        radius: r, such that ‖Δ_t‖ <= r.

    Example:
        >>> norm_contraction(torch.ones(1), 0.25, 2.0, lipschitz=1.0, radius=0.5)  # 1/2 + 1/8
        0.625
    """
    factors = contraction(eigenvalues, learning_rate, coefficient).abs()
    return float(factors.max()) + learning_rate * coefficient * lipschitz * radius / 2
