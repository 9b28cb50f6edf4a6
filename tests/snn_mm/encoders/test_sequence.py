"""What the encoders of feature vectors and sequences promise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.encoders import MLP, Encoder, SequenceRNN, SequenceTCN
from snn_mm.errors import UserError
from snn_mm.neurons import IEMFLIF, LIF, SGMTLIF, TAAFLIF
from tests.snn_mm.encoders.test_encoders import neuron_outputs

Make = Callable[..., Encoder]

SIZES: dict[str, Any] = {"hidden": (9,), "feature_dim": 7}
ENCODERS: dict[str, Make] = {
    "mlp": lambda **options: MLP(5, statistics=("mean", "std"), windows=2, **SIZES, **options),
    "rnn": lambda **options: SequenceRNN(5, steps=8, **SIZES, **options),
    "tcn": lambda **options: SequenceTCN(5, steps=8, **(SIZES | {"hidden": (7,)}), **options),
    "causal": lambda **options: SequenceTCN(5, steps=8, causal=True, **SIZES, **options),
}
LENGTHS = torch.tensor([3, 12, 7, 9, 1, 12])


@pytest.fixture(params=ENCODERS.values(), ids=ENCODERS.keys())
def make(request: pytest.FixtureRequest) -> Make:
    torch.manual_seed(0)
    return lambda **options: request.param(**options).double()


def sequences(padding: float = 0.0) -> Tensor:
    """Sequences `[N, 12, 5]` of `LENGTHS`."""
    x = 3 * torch.randn(6, 12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for row, length in enumerate(LENGTHS.tolist()):
        x[row, length:] = padding
    return x


def warmed(encoder: Encoder) -> Encoder:
    for _ in range(20):
        encoder(sequences(), LENGTHS)
    return encoder.eval()


@pytest.mark.parametrize("preset", [IEMFLIF, TAAFLIF, SGMTLIF])
def test_every_neuron_layer_spikes_and_steps_differ(make: Make, preset: type) -> None:
    encoder = make(neuron=preset)
    outputs = neuron_outputs(encoder, sequences())  # type: ignore[arg-type]
    assert len(outputs) >= sum(isinstance(part, LIF) for part in encoder.modules())
    for spikes in outputs:
        assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    last = torch.cat([spikes.flatten() for spikes in outputs])
    assert 0 < last.mean() < 1
    features = encoder(sequences(), LENGTHS)
    assert (features[1:] != features[:-1]).any()


def test_shape_of_features_is_that_of_the_contract(make: Make) -> None:
    encoder = make()
    assert encoder.takes_lengths
    assert encoder(sequences(), LENGTHS).shape == (encoder.time_steps, 6, 7)


@pytest.mark.parametrize("training", [True, False])
def test_padding_of_any_kind_changes_nothing(make: Make, training: bool) -> None:
    encoder = warmed(make()).train(training)
    results = []
    for x in (
        sequences(),
        sequences(math.nan),
        torch.cat([sequences(7.0), torch.full((6, 5, 5), 1e9).double()], dim=1),
    ):
        copied = copy.deepcopy(encoder)
        results.append((copied(x, LENGTHS), copied.state_dict()))
    (wanted, state), *others = results
    for features, other in others:
        torch.testing.assert_close(features, wanted, rtol=0, atol=1e-12)
        for name, value in state.items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=1e-12)


def test_a_sequence_in_a_batch_is_what_it_is_alone(make: Make) -> None:
    encoder, x = warmed(make()), sequences(math.nan)
    together = encoder(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :length])
        torch.testing.assert_close(alone[:, 0], together[:, row], rtol=0, atol=1e-12)


def test_nothing_leaks_into_the_next_batch(make: Make) -> None:
    encoder = warmed(make())
    first = encoder(sequences(), LENGTHS)
    encoder(-sequences()[:3], LENGTHS[:3])
    assert torch.equal(encoder(sequences(), LENGTHS), first)


def test_gradient_reaches_every_parameter(make: Make) -> None:
    encoder = make()
    (encoder(sequences(), LENGTHS) ** 2).sum().backward()
    assert [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_ann_twin_has_the_same_parameters_and_one_step(make: Make) -> None:
    twin = make(neuron=nn.ReLU, time_steps=1)
    assert twin(sequences(), LENGTHS).shape == (1, 6, 7)
    assert twin.state_dict().keys() == make().state_dict().keys()


def test_inputs_in_other_units_are_the_same_to_the_input_norm(make: Make) -> None:
    encoder = make()
    units = torch.tensor([1.0, 1e3, 5.0, 1e-1, 10.0], dtype=torch.float64)
    expected, x = encoder(sequences(), LENGTHS), sequences() * units + 100 * units
    torch.testing.assert_close(encoder(x, LENGTHS), expected, rtol=0, atol=1e-3)


def test_a_wrong_input_is_told_the_right_shape(make: Make) -> None:
    for x in (sequences()[..., :4], sequences()[0], sequences()[:, :0]):
        with pytest.raises(UserError, match=r"must be \[N, L, 5\], this one is"):
            make()(x)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"time_steps": 0}, "time_steps is 0"),
        ({"statistics": ()}, "statistics is"),
        ({"statistics": ("mean", "mean")}, "each once"),
        ({"statistics": ("median",)}, "mean, std, min, max|median"),
        ({"steps": 6}, r"multiple of time_steps \(4\)"),
        ({"dropout": 2.0}, "dropout is 2.0"),
        ({"kernel_size": 2}, "kernel_size must be odd"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], culprit: str) -> None:
    with pytest.raises(UserError, match=culprit):
        SequenceTCN(5, **options)


def test_features_of_as_many_steps_as_neurons_have_are_spikes() -> None:
    torch.manual_seed(0)
    for kind in (SequenceTCN, SequenceRNN):
        whole, fewer = kind(5, time_steps=8, steps=8), kind(5, time_steps=2, steps=8)
        fewer.load_state_dict(whole.state_dict())
        spikes = whole(sequences().float(), LENGTHS)
        assert set(spikes.unique().tolist()) == {0.0, 1.0}
        torch.testing.assert_close(
            fewer(sequences().float(), LENGTHS), spikes.unflatten(0, (2, 4)).mean(1)
        )


def test_a_causal_step_sees_no_later_one() -> None:
    for causal in (True, False):
        encoder = SequenceTCN(5, time_steps=12, steps=12, causal=causal, hidden=(7,)).eval()
        encoder.double()(sequences())
        changed = sequences()
        changed[:, 8:] += 5.0
        before, after = encoder(sequences()), encoder(changed)
        assert torch.equal(before[:8], after[:8]) == causal
        assert not torch.equal(before[8:], after[8:])


def test_mlp_of_vectors_has_t_steps_of_one_current() -> None:
    torch.manual_seed(0)
    encoder, x = MLP(5, time_steps=6, **SIZES), 3 * torch.randn(64, 5)
    features = encoder(x)
    assert not encoder.takes_lengths
    assert features.shape == (6, 64, 7)
    assert set(features.unique().tolist()) == {0.0, 1.0}
    with pytest.raises(UserError, match="of sequences it needs `statistics`"):
        encoder(sequences())
    with pytest.raises(UserError, match="time_steps: 1"):
        MLP(5, neuron=nn.ReLU)
    with pytest.raises(UserError, match="windows is 3, of what"):
        MLP(5, windows=3)
