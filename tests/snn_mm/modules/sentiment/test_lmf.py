from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.modules.sentiment.lmf import LMF, low_rank_fusion

Widths = Callable[..., tuple[dict[str, int], dict[str, int]]]


def test_low_rank_fusion_equals_the_full_weight_tensor_on_the_outer_product() -> None:
    vectors = [torch.randn(2, d, dtype=torch.float64) for d in (3, 2, 4)]
    factors = [torch.randn(5, d + 1, dtype=torch.float64) for d in (3, 2, 4)]
    weights, bias = torch.randn(5, dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)
    a, b, c = (factor.numpy() for factor in factors)
    full = np.einsum("r,ri,rj,rk->ijk", weights.numpy(), a, b, c)
    x, y, z = (np.hstack([np.ones((2, 1)), v.numpy()]) for v in vectors)
    expected = 0.3 + np.einsum("ijk,ni,nj,nk->n", full, x, y, z)
    found = low_rank_fusion(vectors, factors, weights, bias)
    assert found.numpy() == pytest.approx(expected, rel=1e-10)


def test_weights_of_the_fusion_belong_to_it(widths: Widths) -> None:
    network = LMF(*widths())
    fusion = {id(p) for p in network.fusion_parameters("module")}
    assert {id(network.fused_head.weights), id(network.fused_head.bias)} < fusion


def test_has_as_many_parameters_as_the_peer_on_sims_v2(
    sims_v2: tuple[dict[str, int], dict[str, int]],
) -> None:
    assert sum(p.numel() for p in LMF(*sims_v2).parameters()) == 239_173


def test_order_of_modalities_does_not_matter(widths: Widths, clips_for: Callable[..., Any]) -> None:
    network = LMF(*widths()).double().eval()
    turned = LMF(*widths("visual", "text", "audio")).double().eval()
    turned.load_state_dict(network.state_dict())
    inputs, lengths = clips_for(network)
    torch.testing.assert_close(turned(inputs, lengths), network(inputs, lengths))
