"""The ascent against maxima that are known: in closed form, by grid search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from snn_mm.analysis.landscape.sharpness import Sharpness, sharpness

Make = Callable[[Tensor], Tensor]


def search(function: Make, start: Tensor, radius: float, **options: int) -> Sharpness:
    weight = nn.Parameter(start)
    return sharpness(lambda: [function(weight)], [weight], radius, **options)


def exact_maximum(hessian: Tensor, slope: Tensor, radius: float) -> float:
    """max of g·e + ½ e·He over ‖e‖ <= ρ: e = (λI − H)⁻¹ g with the λ that makes ‖e‖ = ρ."""
    values, vectors = torch.linalg.eigh(hessian)
    g = vectors.T @ slope
    low, high = float(values[-1]), float(values[-1]) + float(g.norm()) / radius + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        is_long = float((g / (middle - values)).norm()) > radius
        low, high = (middle, high) if is_long else (low, middle)
    e = g / (high - values)
    return float(g @ e + 0.5 * (e * values * e).sum())


@pytest.mark.parametrize("seed", range(5))
def test_the_maximum_of_a_quadratic_is_found(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    hessian = factor @ factor.T - torch.eye(6, dtype=torch.float64)  # some directions go down
    slope = torch.randn(6, generator=generator, dtype=torch.float64)
    found = search(
        lambda w: slope @ w + 0.5 * w @ hessian @ w, torch.zeros(6, dtype=torch.float64), 0.7
    )
    assert found.value == pytest.approx(exact_maximum(hessian, slope, 0.7), rel=1e-3)


def test_at_a_minimum_it_is_half_the_largest_eigenvalue_times_the_squared_radius() -> None:
    """Where the gradient vanishes the first start must be a random one."""
    curvature = torch.tensor([1.0, 3.0, 8.0], dtype=torch.float64)
    start = torch.ones(3, dtype=torch.float64)
    found = search(lambda w: 0.5 * (curvature * (w - 1) ** 2).sum(), start, 0.1, steps=40)
    assert found.value == pytest.approx(0.5 * 8.0 * 0.1**2, rel=1e-6)
    assert found.gradient_norm == 0.0


def bumpy(w: Tensor) -> Tensor:
    return (2 * w[..., 0]).sin() * (3 * w[..., 1] + 0.5).cos() + 0.2 * w[..., 0]


def test_a_function_with_several_maxima_against_grid_search() -> None:
    radius = 2.0
    angle, part = torch.meshgrid(
        torch.linspace(0, 2 * torch.pi, 1201, dtype=torch.float64),
        torch.linspace(0, radius, 401, dtype=torch.float64),
        indexing="ij",
    )
    best = bumpy(torch.stack([part * angle.cos(), part * angle.sin()], dim=-1)).max()
    origin = torch.zeros(2, dtype=torch.float64)
    found = search(bumpy, origin, radius, steps=60, starts=12)
    assert found.value == pytest.approx(float(best - bumpy(origin)), abs=1e-3)


def test_one_step_is_the_rise_along_the_gradient() -> None:
    start = torch.tensor([1.0, -2.0], dtype=torch.float64)
    found = search(lambda w: (w**2).sum(), start, 0.5)
    assert found.one_step == pytest.approx((5**0.5 + 0.5) ** 2 - 5)
    assert found.gradient_norm == pytest.approx(2 * 5**0.5)


def test_nothing_outside_the_ball_is_evaluated() -> None:
    seen: list[float] = []

    def loss(w: Tensor) -> Tensor:
        seen.append(float(w.detach().norm()))
        return w.exp().sum()

    search(loss, torch.zeros(4, dtype=torch.float64), 0.3)
    assert max(seen) <= 0.3 * (1 + 1e-12)


def test_a_loss_that_only_falls_has_no_sharpness() -> None:
    found = search(lambda w: -(w**2).sum(), torch.zeros(3, dtype=torch.float64), 0.2)
    assert found.value == 0.0


def test_steps_count_by_the_true_loss_where_the_gradient_lies() -> None:
    """A surrogate gradient may point anywhere: here it points downhill."""

    def loss(w: Tensor) -> Tensor:
        return (w - 2 * w.detach()).sum() * -1  # value: sum of w; gradient: −1

    found = search(lambda w: loss(w), torch.zeros(2, dtype=torch.float64), 1.0, starts=8)
    assert found.one_step < 0 < found.value


def test_parameters_come_back_to_the_bit_and_the_result_repeats() -> None:
    weight, other = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(4))
    before = weight.detach().clone()

    def loss() -> Iterator[Tensor]:
        yield (weight**2).sum()
        yield (other * weight.sum()).sin().sum()

    first, second = (sharpness(loss, [weight, other], 0.4, seed=3) for _ in range(2))
    assert first == second
    assert torch.equal(weight, before)
    assert weight.grad is None


def test_they_come_back_after_an_error_too() -> None:
    weight = nn.Parameter(torch.ones(2))

    def loss() -> Iterator[Tensor]:
        if not torch.equal(weight.detach(), torch.ones(2)):
            raise RuntimeError("broken")
        yield (weight**2).sum()

    with pytest.raises(RuntimeError, match="broken"):
        sharpness(loss, [weight], 0.1)
    assert torch.equal(weight.detach(), torch.ones(2))


def test_a_larger_ball_is_never_flatter() -> None:
    origin = torch.zeros(2, dtype=torch.float64)
    values = [
        search(bumpy, origin, radius, steps=40, starts=8).value for radius in (0.1, 0.5, 1, 2)
    ]
    assert all(small <= large + 1e-6 for small, large in pairwise(values))
