from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_mm.callbacks.modulation.functional.iemf import (
    KAPPAS,
    gather_evidence,
    generalisation_noise,
    iemf_coefficient,
    true_class_probability,
)
from snn_mm.errors import UserError


def test_true_class_probability_equals_numpy_softmax() -> None:
    logits = torch.randn(6, 4, dtype=torch.float64)
    target = torch.tensor([0, 1, 2, 3, 0, 1])
    exponential = np.exp(logits.numpy())
    expected = exponential[np.arange(6), target.numpy()] / exponential.sum(axis=1)
    np.testing.assert_allclose(true_class_probability(logits, target).numpy(), expected, rtol=1e-12)


def test_true_class_probability_of_half_precision_is_float32_without_gradient() -> None:
    logits = torch.randn(2, 3, dtype=torch.bfloat16, requires_grad=True)
    probability = true_class_probability(logits, torch.tensor([0, 1]))
    assert probability.dtype == torch.float32
    assert not probability.requires_grad


@pytest.mark.parametrize("classes", [(4, 4, 4), (4, 4, 3)])
@pytest.mark.parametrize("samples", [1, 7, 64, 130])
def test_evidence_of_all_modalities_at_once_is_that_of_each(
    samples: int, classes: tuple[int, ...]
) -> None:
    logits = {f"{i}": 3 * torch.randn(samples, width) for i, width in enumerate(classes)}
    target = torch.randint(min(classes), (samples,))
    sums = gather_evidence(logits, target).sums
    for name, value in logits.items():
        expected = true_class_probability(value, target).sum(dtype=torch.float64)
        torch.testing.assert_close(sums[name], expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("gamma", "audio", "visual", "fused"),
    [
        (1.0, 3.0, 5.0, 6.0),
        (0.5, 1.0, 1.0, 9.0),
        (2.0, 8.0, 6.0, 5.0),
    ],
)
def test_coefficient_equals_eq_10_written_out(
    gamma: float, audio: float, visual: float, fused: float
) -> None:
    expected = gamma * (1 + np.tanh(1 - ((audio + visual) / 2) / fused))
    assert iemf_coefficient([audio, visual], fused, gamma) == pytest.approx(expected, rel=1e-15)


def test_coefficient_is_the_same_for_sums_and_means() -> None:
    assert iemf_coefficient([3.0, 5.0], 6.0) == pytest.approx(iemf_coefficient([0.3, 0.5], 0.6))


def test_coefficient_averages_any_number_of_modalities() -> None:
    assert iemf_coefficient([1.0, 2.0, 6.0], 4.0) == pytest.approx(iemf_coefficient([3.0], 4.0))


def test_equal_strength_gives_gamma_and_weak_unimodal_evidence_gives_more() -> None:
    assert iemf_coefficient([0.5, 0.5], 0.5, gamma=0.7) == pytest.approx(0.7)
    assert iemf_coefficient([0.2, 0.2], 0.5) > 1 > iemf_coefficient([0.9, 0.9], 0.5)


def test_tanh_coefficient_stays_below_1_762_gamma_not_only_2_gamma() -> None:
    assert iemf_coefficient([0.0, 0.0], 1.0, gamma=3.0) == pytest.approx(3 * (1 + math.tanh(1)))
    assert iemf_coefficient([0.0], 0.0) == pytest.approx(1.7615941559557649)


def test_coefficient_goes_to_zero_where_the_fusion_knows_nothing() -> None:
    assert iemf_coefficient([0.5, 0.5], 0.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kappa", KAPPAS)
def test_every_gate_is_bounded_odd_increasing_and_has_slope_one(kappa: str) -> None:
    gate = KAPPAS[kappa]
    grid = np.linspace(-50, 50, 1001)
    values = np.array([gate(x) for x in grid])
    assert np.all(np.abs(values) <= 1)
    assert np.all(np.diff(values) >= 0)
    np.testing.assert_allclose(values, -values[::-1], atol=1e-12)
    assert (gate(1e-6) - gate(-1e-6)) / 2e-6 == pytest.approx(1.0, rel=1e-5)


def test_wrong_gamma_and_kappa_are_user_errors_that_name_what_is_accepted() -> None:
    with pytest.raises(UserError, match="gamma must be positive"):
        iemf_coefficient([1.0], 1.0, gamma=0.0)
    with pytest.raises(UserError, match="tanh, softsign"):
        iemf_coefficient([1.0], 1.0, kappa="relu")  # type: ignore[arg-type]


def test_noise_has_the_standard_deviation_of_the_gradient() -> None:
    gradient = 3.0 * torch.randn(200, 200, dtype=torch.float64) + 10.0
    noise = generalisation_noise(gradient, torch.Generator().manual_seed(1))
    assert noise.std() == pytest.approx(gradient.std().item(), rel=0.02)
    assert abs(noise.mean()) < 0.1


def test_noise_of_a_constant_gradient_has_the_deviation_1e_8() -> None:
    for count in (2, 10_000):
        noise = generalisation_noise(torch.ones(count).double(), torch.Generator().manual_seed(0))
        unit = torch.randn(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        torch.testing.assert_close(noise, 1e-8 * unit, atol=0, rtol=1e-6)


def test_noise_of_a_single_element_is_zero_not_nan() -> None:
    assert generalisation_noise(torch.ones(1), torch.Generator()).item() == 0.0
