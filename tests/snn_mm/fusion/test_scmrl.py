from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from snn_mm.fusion import SCMRL
from snn_mm.fusion.scmrl import complementary
from snn_mm.neurons import reset_neurons

Spikes = Callable[..., dict[str, Tensor]]
DIMS = {"a": 16, "b": 16}


def test_complement_multiplies_the_means_over_tokens_and_over_time() -> None:
    spatial, temporal = torch.rand(2, 3, 2, 6, dtype=torch.float64)
    expected = np.zeros((3, 2, 6))
    for t, n, d in np.ndindex(3, 2, 6):
        channel = d % 3  # two tokens of three features
        over_tokens = (spatial[t, n, channel] + spatial[t, n, 3 + channel]) / 2
        expected[t, n, d] = over_tokens * temporal[:, n, d].mean()
    np.testing.assert_allclose(complementary(spatial, temporal, 2), expected, rtol=1e-12)


def test_residuals_are_weighted_by_alpha_and_added(make_spikes: Spikes) -> None:
    fusion, x = SCMRL(DIMS, 3, alpha=0.5, scale=4.0).double(), make_spikes(DIMS)
    reset_neurons(fusion)
    residuals = fusion.residuals(x)
    assert residuals["a"].any()
    reset_neurons(fusion)
    for name, mixed in fusion.mix(x).items():
        torch.testing.assert_close(mixed, x[name] + 0.5 * residuals[name])


def test_residuals_spike_in_the_semantic_space_alone(make_spikes: Spikes) -> None:
    x = make_spikes(DIMS, size=64)
    spikes = SCMRL(DIMS, 3).double().residuals(x)["a"]
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    rates = SCMRL(DIMS, 3, semantic_space=False).double().residuals(x)["a"]
    assert len(rates.unique()) > 2
    assert 0 <= rates.min() <= rates.max() <= 1


def test_semantic_features_are_the_residuals_and_leave_statistics(make_spikes: Spikes) -> None:
    fusion, x = SCMRL(DIMS, 3).double(), make_spikes(DIMS)
    fusion.fuse(x)
    statistics = {n: b.clone() for n, b in fusion.named_buffers()}
    again = fusion.semantic_features(x)
    assert all(torch.equal(b, fusion.get_buffer(n)) for n, b in statistics.items())
    reset_neurons(fusion)
    assert torch.equal(again["a"], fusion.residuals(x)["a"])
