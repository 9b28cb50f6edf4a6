from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.fusion import WeightAttention

Spikes = Callable[..., dict[str, Tensor]]
DIMS = {"a": 4, "b": 4}


def test_features_are_scaled_by_a_weight_of_their_own_and_added(make_spikes: Spikes) -> None:
    fusion, x = WeightAttention(DIMS, 3).double(), make_spikes(DIMS)
    state = {n: p.detach().numpy() for n, p in fusion.named_parameters()}
    total = np.zeros((3, 16, 4))
    for own, other in (("a", "b"), ("b", "a")):
        both = np.concatenate([x[own].numpy(), x[other].numpy()], axis=-1)
        hidden = both @ state[f"scorers.{own}.0.weight"].T + state[f"scorers.{own}.0.bias"]
        weight = hidden @ state[f"scorers.{own}.1.weight"].T + state[f"scorers.{own}.1.bias"]
        total += weight * x[own].numpy()
    expected = total @ state["classifier.weight"].T + state["classifier.bias"]
    np.testing.assert_allclose(fusion.fuse(x).detach(), expected, rtol=1e-12, atol=1e-14)


def test_softmax_weights_share_one_over_the_modalities(make_spikes: Spikes) -> None:
    weights = (
        WeightAttention(DIMS, 3, weights="softmax").double().modality_weights(make_spikes(DIMS))
    )
    torch.testing.assert_close(weights["a"] + weights["b"], torch.ones(3, 16, 1).double())
    assert weights["a"].min() > 0


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(UserError, match="accepted: linear, softmax"):
        WeightAttention(DIMS, 3, weights="max")  # type: ignore[arg-type]
