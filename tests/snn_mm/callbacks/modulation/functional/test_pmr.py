from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_mm.callbacks.modulation.functional.pmr import (
    class_sums,
    mean_entropy,
    pmr_weights,
    prototype_logits,
    updated_prototypes,
)


def test_prototype_logits_are_negative_euclidean_distances() -> None:
    features, prototypes = torch.randn(4, 3).double(), torch.randn(2, 3).double()
    expected = [[-np.linalg.norm(f - p) for p in prototypes] for f in features]
    np.testing.assert_allclose(prototype_logits(features, prototypes), expected, rtol=1e-12)


def test_gradient_of_a_feature_on_its_prototype_is_finite() -> None:
    features = torch.ones(1, 3, requires_grad=True)
    prototype_logits(features, torch.ones(2, 3)).sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_class_sums_add_the_features_of_each_class() -> None:
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    sums = class_sums(features, torch.tensor([2, 0, 2]), num_classes=3)
    assert sums.tolist() == [[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]]
    assert sums.dtype == torch.float64


def test_prototypes_mix_four_fifths_of_the_new_mean_with_one_fifth_of_the_old() -> None:
    sums, counts = torch.tensor([[10.0], [9.0]]), torch.tensor([2.0, 3.0])
    first = updated_prototypes(sums, counts, None)
    assert first.tolist() == [[5.0], [3.0]]
    second = updated_prototypes(sums, counts, torch.tensor([[0.0], [8.0]]))
    assert second.flatten().tolist() == pytest.approx([4.0, 0.8 * 3 + 0.2 * 8])


def test_class_that_did_not_occur_keeps_its_prototype() -> None:
    sums, counts = torch.tensor([[10.0], [0.0]]), torch.tensor([2.0, 0.0])
    assert updated_prototypes(sums, counts, torch.tensor([[5.0], [7.0]])).tolist() == [[5.0], [7.0]]


def test_class_of_a_single_sample_has_that_sample_as_its_mean() -> None:
    sums, counts = torch.tensor([[10.0], [6.0]]), torch.tensor([2.0, 1.0])
    assert updated_prototypes(sums, counts, None).tolist() == [[5.0], [6.0]]
    mixed = updated_prototypes(sums, counts, torch.tensor([[0.0], [1.0]]), momentum=0.5)
    assert mixed.tolist() == [[2.5], [3.5]]


@pytest.mark.parametrize(
    ("rho", "beta", "gamma"),
    [(1.0, 0, 0), (0.8, 0.25, 0), (1.25, 0, 0.25), (0.1, 1, 0), (0.0, 1, 0), (9.0, 0, 1)],
)
def test_weights_of_two_modalities_are_the_papers_beta_and_gamma(
    rho: float, beta: float, gamma: float
) -> None:
    weights = pmr_weights({"first": rho, "second": 1 / max(rho, 1e-12)})
    assert weights.accelerate == pytest.approx({"first": beta, "second": gamma})
    assert weights.entropy == pytest.approx({"first": gamma, "second": beta})


def test_released_weights_are_zero_or_one_without_entropy() -> None:
    weights = pmr_weights({"a": 0.99, "b": 1.0, "c": 1.5}, form="released")
    assert weights.accelerate == {"a": 1.0, "b": 0.0, "c": 0.0}
    assert set(weights.entropy.values()) == {0.0}


def test_mean_entropy_is_the_mean_over_the_batch() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3.0)]], dtype=torch.float64)
    second = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert float(mean_entropy(logits)) == pytest.approx((math.log(2) + second) / 2)
