"""The small network: which inputs it takes, and that nothing but spikes flows through it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snn_mm.encoders import ConvNet
from snn_mm.errors import UserError


@pytest.mark.parametrize("size", [(4, 4), (8, 8), (8, 30), (28, 28), (34, 34), (64, 64), (64, 95)])
def test_takes_any_size_of_at_least_four(size: tuple[int, int]) -> None:
    features = ConvNet(1, channels=[4, 8, 8], feature_dim=16)(torch.randn(2, 1, *size))
    assert features.shape == (4, 2, 16)


def test_a_smaller_input_is_refused() -> None:
    with pytest.raises(UserError, match="at least 4x4 pixels, not 3x9"):
        ConvNet(1)(torch.randn(2, 1, 3, 9))


def test_features_are_spikes() -> None:
    torch.manual_seed(0)
    assert set(ConvNet(1)(torch.randn(4, 1, 16, 16)).unique().tolist()) == {0.0, 1.0}


def test_every_layer_but_the_first_sees_spikes_alone() -> None:
    torch.manual_seed(0)
    seen: list[Tensor] = []
    encoder = ConvNet(1, channels=[8, 8, 8])
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not encoder.conv:
            module.register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    encoder(torch.randn(4, 1, 34, 34))
    assert len(seen) == 3
    assert all(set(x.unique().tolist()) == {0.0, 1.0} for x in seen)


def test_learns_a_toy_problem() -> None:
    torch.manual_seed(0)
    encoder, head = ConvNet(1, channels=[8, 16], feature_dim=32), nn.Linear(32, 2)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2)
    target = torch.arange(16) % 2
    stripes = (torch.arange(8) % 2).float().expand(8, 8)
    x = (
        torch.where(target[:, None, None] == 0, stripes, stripes.T)[:, None]
        + torch.randn(16, 1, 8, 8) / 4
    )
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(encoder(x)).mean(0), target)
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_no_stage_is_refused() -> None:
    with pytest.raises(UserError, match="channels"):
        ConvNet(1, channels=[])
