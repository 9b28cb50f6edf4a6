from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_mm.errors import UserError
from snn_mm.modules.avqa.temporal import TemporalGrounding, attention_layer, temporal_weights
from snn_mm.neurons import IEMFLIF

L, N, D, H = 5, 3, 8, 2


def grounding(**options: object) -> TemporalGrounding:
    torch.manual_seed(0)
    return TemporalGrounding(D, H, **options).double().eval()  # type: ignore[arg-type]


def reference(parts: TemporalGrounding, query: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """torch's own attention with the same weights."""
    theirs = nn.MultiheadAttention(D, H, dtype=torch.float64).eval()
    three = (parts.query, parts.key, parts.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in three]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in three]))
        theirs.out_proj.load_state_dict(parts.out.state_dict())
    attended = theirs(query.unsqueeze(0), x, x)[0].squeeze(0)
    hidden = parts.contract(parts.expand(attended).relu())
    return parts.norm(attended + hidden)


def test_weights_are_a_softmax_over_steps() -> None:
    query, keys = torch.randn(N, H, 4).double(), torch.randn(L, N, H, 4).double()
    expected = torch.einsum("nhd,lnhd->lnh", query, keys).div(2.0).softmax(dim=0)
    torch.testing.assert_close(temporal_weights(query, keys), expected)


@pytest.mark.parametrize("temporal_mean", [False, True])
def test_it_is_multi_head_attention_with_the_question_as_its_only_query(
    temporal_mean: bool,
) -> None:
    parts = grounding(temporal_mean=temporal_mean)
    query, x = torch.randn(N, D).double(), torch.randn(L, N, D).double()
    expected = reference(parts, query, x) + (x.mean(dim=0) if temporal_mean else 0.0)
    torch.testing.assert_close(parts(query, x), expected.unsqueeze(0))


def test_projections_begin_as_those_of_torchs_attention() -> None:
    """Uniform, with the bound that torch takes of the joint matrix [3D, D]."""
    weight = attention_layer(64).weight
    assert weight.abs().max() <= (6 / (4 * 64)) ** 0.5
    assert weight.abs().max() > 0.98 * (6 / (4 * 64)) ** 0.5


def test_currents_of_the_spiking_twin_average_to_the_attention_over_its_spikes() -> None:
    parts = grounding(neuron=IEMFLIF)
    query, x = torch.randn(N, D).double(), 3 * torch.randn(L, N, D).double()
    currents = parts._attend(query, x)
    parts.source[1].reset()
    spikes = parts.source(x)
    assert 0 < spikes.mean() < 1
    source, parts.source = parts.source, nn.Identity()
    weights = temporal_weights(
        parts.query(query).unflatten(-1, (H, -1)), parts.key(spikes).unflatten(-1, (H, -1))
    )
    values = parts.value(spikes).unflatten(-1, (H, -1))
    expected = (weights.unsqueeze(-1) * values).sum(dim=0).flatten(-2)
    torch.testing.assert_close(currents.mean(dim=0), expected)
    assert currents.shape == (L, N, D)
    assert source is not parts.source


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UserError, match="multiple of attention_heads, got 3"):
        TemporalGrounding(D, 3)
