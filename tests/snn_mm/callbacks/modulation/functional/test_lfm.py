from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_mm.callbacks.modulation.functional.lfm import (
    divergence,
    fitted_alpha,
    hyper_gradient,
    learned_alpha,
    pairwise_divergence,
)

PUBLISHED = [
    2.04623704e-01,
    3.35472727e-03,
    1.22989557e-04,
    -2.92947416e-06,
    2.23835486e-08,
    -5.39717505e-11,
]


@pytest.mark.parametrize("epoch", [0, 1, 50, 100, 199])
def test_fitted_alpha_is_the_published_polynomial(epoch: int) -> None:
    assert fitted_alpha(epoch) == pytest.approx(np.polyval(PUBLISHED[::-1], epoch), rel=1e-12)


def test_fitted_alpha_is_held_after_the_epochs_it_was_fitted_to_and_never_exceeds_one() -> None:
    assert fitted_alpha(1000) == fitted_alpha(199)
    assert fitted_alpha(183) == 1.0 < np.polyval(PUBLISHED[::-1], 183)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("modalities", [2, 3])
def test_divergence_is_the_mean_kl_between_predictions_and_mixture(
    modalities: int, reverse: bool
) -> None:
    logits = torch.randn(modalities, 6, 4, dtype=torch.float64) * 3
    p = np.exp(logits.numpy())
    p /= p.sum(axis=-1, keepdims=True)
    mean = p.mean(axis=0, keepdims=True)
    summands = mean * np.log(mean / p) if reverse else p * np.log(p / mean)
    expected = summands.sum(axis=-1).mean()
    assert float(divergence(list(logits), reverse)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_divergence_over_pairs_is_the_mean_of_what_two_have(reverse: bool) -> None:
    a, b, c = torch.randn(3, 6, 4, dtype=torch.float64) * 3
    pairs = [divergence(pair, reverse) for pair in ([a, b], [a, c], [b, c])]
    assert float(pairwise_divergence([a, b, c], reverse)) == pytest.approx(float(sum(pairs)) / 3)
    assert float(pairwise_divergence([a, b], reverse)) == float(divergence([a, b], reverse))
    assert float(pairwise_divergence([a, b, c], reverse)) < float(divergence([a, b, c], reverse))


def test_divergence_vanishes_at_agreement_and_reaches_log_m_at_most() -> None:
    same = torch.randn(5, 3)
    assert float(divergence([same, same + 7])) == pytest.approx(0.0, abs=1e-6)
    apart = list(torch.eye(3, dtype=torch.float64).unsqueeze(1) * 1000)
    assert float(divergence(apart)) == pytest.approx(math.log(3))


def test_divergence_of_half_precision_extremes_is_finite() -> None:
    far = torch.tensor([[60000.0, -60000.0]], dtype=torch.float16)
    assert float(divergence([far, -far])) == pytest.approx(math.log(2))
    assert math.isfinite(float(divergence([far, -far], reverse=True)))


def test_hyper_gradient_is_the_derivative_through_one_small_step() -> None:
    """Finite difference in α2 of a held-out quadratic after one step of rate η; h is per η."""
    torch.manual_seed(0)
    theta, goal, own, other = torch.randn(4, 3, dtype=torch.float64)
    eta, delta = 1e-6, 1e-2

    def held_out(alpha2: float) -> float:
        step = (1 - alpha2) * (theta - own) + alpha2 * (theta - other)
        return float(((theta - eta * step - goal) ** 2).sum() / 2)

    numeric = (held_out(0.5 + delta) - held_out(0.5 - delta)) / (2 * delta * eta)
    value = hyper_gradient([theta - goal], [theta - own], [theta - other])
    assert value == pytest.approx(numeric, rel=1e-3)


def test_learned_alpha_goes_against_the_derivative_and_keeps_its_bounds() -> None:
    assert learned_alpha(0.5, 2.0, 0.1) == pytest.approx(0.3)
    assert learned_alpha(0.5, 100.0, 0.1) == 0.05
    assert learned_alpha(0.5, -100.0, 0.1) == 0.95
