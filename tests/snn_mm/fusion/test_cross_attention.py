from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.fusion.cross_attention import SpikingCrossAttention, spiking_attention

Spikes = Callable[..., dict[str, Tensor]]
T, N, G, H, D = 3, 2, 2, 2, 8


def by_hand(q: np.ndarray, k: np.ndarray, v: np.ndarray, tokens: str, scale: float) -> np.ndarray:
    """Sum over (QKᵀ)V token by token, head by head."""
    d, out = D // G // H, np.zeros_like(q)
    place = lambda g, h: slice((g * H + h) * d, (g * H + h + 1) * d)  # noqa: E731
    for t, n, g, h in np.ndindex(T, N, G, H):
        asked = [(t, j) for j in range(G)] if tokens == "groups" else [(s, g) for s in range(T)]
        for s, j in asked:
            weight = q[t, n, place(g, h)] @ k[s, n, place(j, h)]
            out[t, n, place(g, h)] += scale * weight * v[s, n, place(j, h)]
    return out


@pytest.mark.parametrize("tokens", ["groups", "time"])
def test_attention_equals_its_sum_over_tokens(tokens: Any) -> None:
    q, k, v = torch.randn(3, T, N, D, dtype=torch.float64)
    result = spiking_attention(q, k, v, tokens, G, H, scale=0.25)
    expected = by_hand(q.numpy(), k.numpy(), v.numpy(), tokens, 0.25)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_step_does_not_see_later_ones_when_groups_attend() -> None:
    q, k, v = torch.randn(3, T, N, D, dtype=torch.float64)
    before = spiking_attention(q, k, v, "groups", G, H)
    k[2], v[2] = 0.0, 0.0
    assert torch.equal(spiking_attention(q, k, v, "groups", G, H)[:2], before[:2])
    assert not torch.equal(
        spiking_attention(q, k, v, "time", G, H)[:2],
        spiking_attention(q, k, v + 1, "time", G, H)[:2],
    )


@pytest.mark.parametrize("tokens", ["groups", "time"])
def test_block_spikes_and_equals_its_formula(
    tokens: Any, make_spikes: Spikes, lif: Any, norm: Any
) -> None:
    block = SpikingCrossAttention(32, 6, tokens, G, H, scale=0.5).double()
    x, context = make_spikes({"x": 32, "y": 6}, steps=T, size=64).values()

    def project(values: np.ndarray, part: Any) -> np.ndarray:
        return lif(norm(values @ part.linear.weight.detach().numpy().T))  # type: ignore[no-any-return]

    q = project(x.numpy(), block.query)
    k, v = (project(context.numpy(), part) for part in (block.key, block.value))
    attended = spiking_attention(*map(torch.from_numpy, (q, k, v)), tokens, G, H, 0.5).numpy()
    result = block(x, context).detach()
    assert set(result.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(result, project(lif(attended), block.output))


def test_features_that_cannot_be_split_are_refused() -> None:
    with pytest.raises(UserError, match="10 features can't be split into 4 groups of 2 heads"):
        SpikingCrossAttention(10, 10)
    with pytest.raises(UserError, match="accepted: groups, time"):
        SpikingCrossAttention(16, 16, tokens="space")  # type: ignore[arg-type]
