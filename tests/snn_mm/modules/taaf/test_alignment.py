from __future__ import annotations

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional
from torch import nn

from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.modules.taaf.alignment import AlignedEncoder, TimeAlignment
from snn_mm.neurons import TAAFLIF


class Currents(Encoder):
    """`[N, D]` repeated over time with a growing gain."""

    def __init__(self, feature_dim: int, time_steps: int) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = feature_dim, time_steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x * (t + 1) for t in range(self.time_steps)])  # [T, N, D]


def spikes(steps: int, channels: int = 6) -> torch.Tensor:
    torch.manual_seed(0)
    return (torch.rand(steps, 5, channels) < 0.4).double()


@pytest.mark.parametrize("kernel", ["shared", "depthwise"])
@pytest.mark.parametrize(("given", "wanted"), [(4, 3), (5, 2), (3, 3), (2, 5), (1, 3)])
def test_spikes_of_any_length_come_out_binary_and_of_the_common_length(
    given: int, wanted: int, kernel: str
) -> None:
    alignment = TimeAlignment(6, given, wanted, lambda: TAAFLIF(v_threshold=0.4), kernel)
    functional.set_step_mode(alignment, "m")
    aligned = alignment.double()(spikes(given))
    assert aligned.shape == (wanted, 5, 6)
    assert set(aligned.unique().tolist()) == {0.0, 1.0}


def test_current_before_the_neurons_is_a_convolution_over_time() -> None:
    alignment = TimeAlignment(6, 4, 3, nn.Identity, "depthwise").double()
    nn.init.normal_(alignment.weight)
    trains, weight = spikes(4).numpy(), alignment.weight.detach().numpy()
    expected = np.zeros((3, 5, 6))
    for t in range(3):
        expected[t] = trains[t] * weight[:, 0, 0] + trains[t + 1] * weight[:, 0, 1]
    np.testing.assert_allclose(alignment(spikes(4)).detach().numpy(), expected, rtol=1e-12)


def test_kernel_starts_as_the_average_and_equal_lengths_have_no_parameters() -> None:
    averaged = TimeAlignment(6, 4, 3, nn.Identity).double()(spikes(4))
    torch.testing.assert_close(averaged, (spikes(4)[:-1] + spikes(4)[1:]) / 2)
    same = TimeAlignment(6, 3, 3)
    assert list(same.parameters()) == []
    assert torch.equal(same(spikes(3)), spikes(3))


def test_projected_features_are_spikes_and_no_state_leaks() -> None:
    encoder = AlignedEncoder(Currents(7, 4), width=6, time_steps=3).double().eval()
    x = torch.randn(5, 7).double()
    first, second = encoder(x), encoder(x)
    assert first.shape == (3, 5, 6)
    assert set(first.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(first, second)


def test_input_with_another_number_of_steps_is_refused() -> None:
    with pytest.raises(UserError, match="built for 4 time steps, got 5"):
        TimeAlignment(6, 4, 3)(spikes(5))


def test_single_step_of_an_ann_passes_through() -> None:
    features = torch.randn(1, 5, 6)
    assert torch.equal(TimeAlignment(6, 4, 3, nn.ReLU)(features), features)
