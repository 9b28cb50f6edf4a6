from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from snn_mm.encoders import RecurrentNet
from snn_mm.encoders.recurrent import RecurrentLayer
from snn_mm.errors import UserError
from snn_mm.neurons import TAAFLIF


def make(**options: object) -> RecurrentNet:
    torch.manual_seed(0)
    settings = {"bands": 4, "frames": 12, "time_steps": 5, "hidden": (6,), "feature_dim": 7}
    return RecurrentNet(**{**settings, **options}).double()  # type: ignore[arg-type]


def test_features_are_spikes_that_differ_between_steps() -> None:
    features = make()(torch.randn(8, 1, 4, 12).double())
    assert features.shape == (5, 8, 7)
    assert set(features.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(features[0], features[1])


def test_nothing_leaks_into_the_next_batch_whatever_its_size() -> None:
    net, x = make().eval(), torch.randn(8, 1, 4, 12).double()
    first = net(x)
    net(x[:3])
    assert torch.equal(net(x), first)


def test_a_step_sees_its_own_piece_and_no_later_one() -> None:
    net, x = make(frames=10).eval(), torch.randn(8, 1, 4, 10).double()
    changed = x.clone()
    changed[..., 6:] += 5.0  # steps 3 and 4
    before, after = net(x), net(changed)
    assert torch.equal(before[:3], after[:3])
    assert not torch.equal(before[3:], after[3:])


def test_lateral_weights_carry_the_spikes_of_the_step_before() -> None:
    torch.manual_seed(0)
    own = RecurrentLayer(5, 4, TAAFLIF).double().eval()
    x = torch.randn(6, 3, 5).double() * 3
    weight, bias = (p.detach().numpy() for p in own.recurrence.rc.parameters())
    current = own.norm(own.linear(x.flatten(0, 1))).view(6, 3, 4).detach().numpy()
    v, y = np.zeros((3, 4)), np.zeros((3, 4))
    for t, spikes in enumerate(own(x).detach().numpy()):
        v = 0.5 * v + np.concatenate([current[t], y], axis=1) @ weight.T + bias
        y = (v > 1.0).astype(float)
        v = v * (1 - y)
        np.testing.assert_array_equal(spikes, y)


def test_ann_twin_sees_all_frames_in_one_step() -> None:
    features = make(neuron=nn.ReLU, time_steps=1)(torch.randn(8, 1, 4, 12).double())
    assert features.shape == (1, 8, 7)
    assert features.requires_grad


def test_input_of_another_size_is_refused() -> None:
    with pytest.raises(UserError, match=r"must be \[N, 1, 4, 12\]"):
        make()(torch.randn(8, 1, 4, 13).double())
