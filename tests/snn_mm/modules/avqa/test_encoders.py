from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from snn_mm.errors import UserError
from snn_mm.modules.avqa import GroundedFrames, PooledFrames, QuestionEncoder, SoundEncoder
from snn_mm.modules.avqa.grounding import spatial_grounding
from snn_mm.neurons import IEMFLIF

N, L, C = 3, 5, 8


def test_sound_goes_through_two_layers_second_by_second() -> None:
    encoder, x = SoundEncoder(4, feature_dim=C).double(), torch.randn(N, L, 4).double()
    hidden = linear(x[1, 2], encoder.expand.weight, encoder.expand.bias).relu()
    expected = linear(hidden, encoder.project.weight, encoder.project.bias)
    torch.testing.assert_close(encoder(x)[2, 1], expected)


def test_baseline_averages_the_positions_of_each_frame() -> None:
    x = torch.randn(N, L, C, 2, 3)
    torch.testing.assert_close(PooledFrames(C)(x)[4, 1], x[1, 4].mean(dim=(1, 2)))


def test_grounded_frames_join_the_mean_and_what_the_sound_points_at() -> None:
    encoder = GroundedFrames(C).double()
    x, sound = torch.randn(N, L, C, 2, 3).double(), torch.randn(L, N, C).double()
    grounded, _ = spatial_grounding(sound[4, 1], x[1, 4].flatten(1))
    joined = torch.cat([x[1, 4].mean(dim=(1, 2)), grounded]).tanh()
    expected = linear(joined, encoder.combine.weight, encoder.combine.bias)
    torch.testing.assert_close(encoder(x, sound)[4, 1], expected)


def test_each_second_of_a_spiking_encoder_knows_those_before_it_only() -> None:
    torch.manual_seed(0)
    encoder, x = SoundEncoder(4, IEMFLIF, 64), torch.randn(N, L, 4)
    later = x.clone()
    later[:, 3] += 1
    before, after = encoder(x), encoder(later)
    torch.testing.assert_close(before[:3], after[:3])
    assert not torch.equal(before[4], after[4])  # the membrane remembers second 3
    torch.testing.assert_close(encoder(x), before)  # and nothing of the batch before


def test_a_question_is_made_of_the_last_hidden_and_cell_states() -> None:
    encoder, tokens = QuestionEncoder(11, C).double(), torch.randint(11, (N, 4))
    _, (hidden, cell) = encoder.lstm(encoder.words(tokens).tanh())
    expected = encoder.linear(torch.cat([hidden[0], cell[0]], dim=-1).tanh())
    torch.testing.assert_close(encoder(tokens), expected)


@pytest.mark.parametrize(
    ("encoder", "shape", "message"),
    [
        (SoundEncoder(4), (N, L, 5), r"\[N, L, 4\], this one is \[3, 5, 5\]"),
        (PooledFrames(C), (N, L, 7, 2, 3), r"\[N, L, 8, H, W\]"),
        (GroundedFrames(C), (N, L, C, 2, 3), "needs sound of width 8, got no sound"),
    ],
    ids=str,
)
def test_an_input_of_another_shape_is_refused(
    encoder: torch.nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        encoder(torch.zeros(shape))
