"""Theorem 1 of IEMF on quadratics and with a cubic remainder, and where the paper overstates it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snn_mm.callbacks.modulation.functional.iemf import iemf_coefficient
from snn_mm.modules.iemf.theory import (
    coefficient_bound,
    contraction,
    contracts_faster,
    largest_stable_rate,
    norm_contraction,
    predict_coordinates,
    remainder_bound,
    simulate_coordinates,
)

LAMBDA = torch.tensor([0.5, 1.0, 2.0, 5.0], dtype=torch.float64)
CURVATURES = torch.linspace(0.01, 60.0, 400, dtype=torch.float64)


@pytest.fixture
def basis() -> Tensor:
    return torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]


@pytest.fixture
def hessian(basis: Tensor) -> Tensor:
    return basis @ torch.diag(LAMBDA) @ basis.T


def draw_ratios(count: int) -> list[float]:
    return torch.rand(count, generator=torch.Generator().manual_seed(0)).mul(2.5).tolist()


def test_each_coordinate_contracts_as_equation_13_says(hessian: Tensor) -> None:
    coefficients = [iemf_coefficient([ratio], 1.0) for ratio in draw_ratios(30)]
    start = torch.randn(4, dtype=torch.float64)
    path = simulate_coordinates(hessian, start, coefficients, 0.1)
    torch.testing.assert_close(path, predict_coordinates(LAMBDA, path[0], coefficients, 0.1))
    assert path[-1].norm() < 0.5 * path[0].norm()


def test_simulation_is_gradient_descent_by_autograd(hessian: Tensor) -> None:
    weight = torch.randn(4, dtype=torch.float64, requires_grad=True)
    path = simulate_coordinates(hessian, weight.detach().clone(), [1.3, 0.4], 0.1)
    for coefficient in (1.3, 0.4):
        (gradient,) = torch.autograd.grad(0.5 * weight @ hessian @ weight, weight)
        weight = (weight - 0.1 * coefficient * gradient).detach().requires_grad_()
    torch.testing.assert_close(path[-1].norm(), weight.detach().norm())


@pytest.mark.parametrize(("ratio", "sign"), [(1.4, -1), (1.0, 0), (0.3, 1)])
def test_the_three_cases_of_theorem_1(ratio: float, sign: int) -> None:
    """Means over batches whose ratios scatter on one side of 1, as the theorem's expectation."""
    scatter = torch.linspace(-0.25, 0.25, 11).tolist() if sign else [0.0]
    steps = [0.1 * iemf_coefficient([ratio + shift], 1.0) * LAMBDA for shift in scatter]
    difference = torch.stack(steps).mean(0) - 0.1 * LAMBDA
    assert (difference.abs() < 1e-15).all() if sign == 0 else (difference * sign > 0).all()


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_cases_turn_at_gamma_not_at_one(gamma: float) -> None:
    assert iemf_coefficient([1.0], 1.0, gamma) == gamma != 1.0


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_bound_is_1_762_gamma_and_reached(gamma: float) -> None:
    bound = coefficient_bound(gamma)
    assert bound == pytest.approx((1 + math.tanh(1)) * gamma)
    assert bound == pytest.approx(1.7616 * gamma, abs=1e-4 * gamma)
    assert max(iemf_coefficient([ratio], 1.0, gamma) for ratio in draw_ratios(1000)) < bound
    assert iemf_coefficient([0.0], 1.0, gamma) == bound


@pytest.mark.parametrize(("share", "converges"), [(0.99, True), (1.01, False)])
def test_the_largest_stable_rate_is_where_the_steepest_direction_turns(
    hessian: Tensor, share: float, converges: bool
) -> None:
    rate = share * largest_stable_rate(float(LAMBDA[-1]))
    start = torch.ones(4, dtype=torch.float64)
    steepest = simulate_coordinates(hessian, start, [coefficient_bound()] * 200, rate)[:, -1].abs()
    assert bool(steepest[-1] < steepest[0]) is converges


@pytest.mark.parametrize("coefficient", [0.1, 0.5, 0.9, 1.0, 1.2, 1.7])
def test_faster_than_vanilla_by_the_derived_rule_and_by_the_factors(coefficient: float) -> None:
    iemf = contraction(CURVATURES, 0.1, coefficient).abs()
    vanilla = contraction(CURVATURES, 0.1, 1.0).abs()
    assert torch.equal(contracts_faster(CURVATURES, 0.1, coefficient), iemf < vanilla)


def test_a_small_coefficient_slows_sharp_directions_at_usual_rates() -> None:
    """The paper says faster; that takes ηλ(1 + ξ) > 2."""
    usual = CURVATURES[CURVATURES <= 10.0]  # ηλ <= 1
    assert not contracts_faster(usual, 0.1, 0.5).any()
    overshooting = CURVATURES[CURVATURES > 2 / (0.1 * 1.5) + 1e-9]
    assert contracts_faster(overshooting, 0.1, 0.5).all()


def radial(deviation: Tensor) -> Tensor:
    """Gradient of ρ/6 ‖Δ‖³, whose Hessian is ρ-Lipschitz; here ρ = 3."""
    return 1.5 * deviation.norm() * deviation


def along(deviation: Tensor) -> Tensor:
    """Gradient of ρ/6 (uᵀΔ)³ for the unit vector u = (1, 1, 1, 1) / 2; ρ = 3."""
    direction = torch.full((4,), 0.5, dtype=torch.float64)
    return 1.5 * (direction @ deviation) ** 2 * direction


def test_the_remainder_stays_below_equation_12_and_may_reach_it() -> None:
    for deviation in torch.randn(200, 4, dtype=torch.float64):
        bound = remainder_bound(deviation, 3.0)
        assert along(deviation).norm() <= bound * (1 + 1e-12)
        torch.testing.assert_close(radial(deviation).norm(), bound)


@pytest.mark.parametrize("remainder", [radial, along])
def test_inside_the_theorem_s_ball_every_step_contracts_the_norm(
    hessian: Tensor, remainder: object
) -> None:
    radius, coefficients = 0.9 * 2 * 0.5 / 3.0, [1.7, 0.2, 1.0] * 10  # ρr/2 = 0.9 λ_min
    start = torch.randn(4, dtype=torch.float64)
    start *= radius / start.norm()
    path = simulate_coordinates(hessian, start, coefficients, 0.1, remainder)  # type: ignore[arg-type]
    lengths = path.norm(dim=1)
    for before, after, xi in zip(lengths, lengths[1:], coefficients, strict=False):
        bound = norm_contraction(LAMBDA, 0.1, xi, 3.0, radius)
        assert after <= bound * before
        assert bound < 1


def test_each_step_keeps_the_inequality_after_equation_13(hessian: Tensor) -> None:
    start = 0.1 * torch.randn(4, dtype=torch.float64)
    path = simulate_coordinates(hessian, start, [1.5], 0.1, along)
    linear = contraction(LAMBDA, 0.1, 1.5).abs() * path[0].abs()
    assert (path[1].abs() <= linear + 0.1 * 1.5 * remainder_bound(start, 3.0) + 1e-15).all()


def test_a_single_coordinate_may_grow_inside_the_ball(basis: Tensor, hessian: Tensor) -> None:
    """The remainder is dominated in the norm of Δ, not in each direction, unlike the text."""
    start = 0.2 * basis[:, 0]  # α_i = 0 but for the flattest direction; ρr/2 = 0.3 < 0.5
    path = simulate_coordinates(hessian, start, [1.0], 0.1, along)
    assert path[0][1:].abs().max() < 1e-12
    assert path[1][1:].abs().max() > 1e-4
    assert path[1].norm() < path[0].norm()
