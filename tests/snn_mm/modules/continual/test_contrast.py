"""Contrastive losses against sums written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.modules.continual.contrast import Averaging, class_contrast, instance_contrast


@pytest.fixture
def features() -> tuple[Tensor, Tensor]:
    query, key = torch.randn(2, 5, 4).double()
    return query, key


def log_shares(query: Tensor, key: Tensor, temperature: float) -> np.ndarray:
    """log softmax over the keys of the cosines over the temperature, one row a query."""
    a, v = query.numpy(), key.numpy()
    cosines = np.array([[x @ y / (np.linalg.norm(x) * np.linalg.norm(y)) for y in v] for x in a])
    powers = np.exp(cosines / temperature)
    return np.log(powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_every_query_looks_for_the_key_of_its_sample(
    features: tuple[Tensor, Tensor], temperature: float
) -> None:
    expected = -np.trace(log_shares(*features, temperature)) / 5
    assert instance_contrast(*features, temperature).item() == pytest.approx(expected, rel=1e-12)


def test_queries_look_among_keys_and_not_the_other_way_round(
    features: tuple[Tensor, Tensor],
) -> None:
    query, key = features
    assert instance_contrast(query, key).item() != instance_contrast(key, query).item()


def looped_class_contrast(shares: np.ndarray, target: list[int], averaging: Averaging) -> float:
    total = 0.0
    for i, label in enumerate(target):
        partners = [j for j, other in enumerate(target) if other == label]
        divisor = len(target) if averaging == "released" else len(partners)
        total -= sum(shares[i, j] for j in partners) / divisor / len(target)
    return float(total)


@pytest.mark.parametrize("averaging", ["released", "paper"])
@pytest.mark.parametrize("target", [[0, 1, 0, 2, 0], [3, 3, 3, 3, 3], [0, 1, 2, 3, 4]])
def test_every_query_looks_for_the_keys_of_its_class(
    features: tuple[Tensor, Tensor], averaging: Averaging, target: list[int]
) -> None:
    expected = looped_class_contrast(log_shares(*features, 0.05), target, averaging)
    loss = class_contrast(*features, torch.tensor(target), averaging=averaging)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_by_the_paper_a_class_of_one_sample_each_is_the_instance_contrast(
    features: tuple[Tensor, Tensor],
) -> None:
    loss = class_contrast(*features, torch.arange(5), averaging="paper")
    assert loss.item() == pytest.approx(instance_contrast(*features).item(), rel=1e-12)


def test_a_silent_sample_has_a_finite_gradient(features: tuple[Tensor, Tensor]) -> None:
    query, key = features
    silent = torch.cat([torch.zeros(1, 4).double(), query[1:]]).requires_grad_()
    (instance_contrast(silent, key) + class_contrast(silent, key, torch.arange(5))).backward()
    assert silent.grad is not None
    assert bool(silent.grad.isfinite().all())


def test_an_unknown_averaging_is_refused(features: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(UserError, match="accepted: released, paper"):
        class_contrast(*features, torch.arange(5), averaging="mean")  # type: ignore[arg-type]
