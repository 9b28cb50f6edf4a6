"""The trunk against loops in float64, its spiking twin, and attention in parts."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.modules.continual.distillation import AttentionMaps
from snn_mm.modules.continual.dual_attention import (
    DualAttention,
    spatial_attention,
    temporal_attention,
)
from snn_mm.neurons import IEMFLIF, NeuronFactory

SMALL = {"audio_dim": 3, "visual_dim": 4, "feature_dim": 5, "frames": 2}


def make_inputs(samples: int = 3, gain: float = 1.0) -> dict[str, Tensor]:
    return {
        "audio": gain * torch.randn(samples, 3).double(),
        "visual": gain * torch.randn(samples, 6, 4).double(),
    }


def softmax(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.exp(x) / np.exp(x).sum()
    return result


def looped_attention(audio: np.ndarray, visual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps of projections `[N, D]` and `[N, L, S, D]`, one channel of one sample at a time."""
    spatial, temporal = np.empty_like(visual), np.empty((*visual.shape[:2], visual.shape[3]))
    for n in range(len(audio)):
        for d in range(audio.shape[1]):
            seen = np.empty(visual.shape[1])
            for t in range(visual.shape[1]):
                spatial[n, t, :, d] = softmax(visual[n, t, :, d] * audio[n, d])
                seen[t] = (spatial[n, t, :, d] * visual[n, t, :, d]).sum()
            temporal[n, :, d] = softmax(seen * audio[n, d])
    return spatial, temporal


def looped_pooling(tokens: np.ndarray, spatial: np.ndarray, temporal: np.ndarray) -> np.ndarray:
    pooled = np.zeros((len(tokens), tokens.shape[-1]))
    for n, t, s in np.ndindex(tokens.shape[:3]):
        pooled[n] += temporal[n, t] * spatial[n, t, s] * tokens[n, t, s]
    return pooled


def linear(layer: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    weight, bias = (parameter.detach().numpy() for parameter in layer.parameters())
    result: np.ndarray = x @ weight.T + bias
    return result


def maps_of(trunk: DualAttention, inputs: dict[str, Tensor]) -> AttentionMaps:
    maps = trunk(inputs, keep_attention=True).attention
    assert maps is not None
    return AttentionMaps(*maps)


def test_attention_equals_a_loop_over_channels() -> None:
    audio, visual = torch.randn(3, 4).double(), torch.randn(3, 2, 6, 4).double()
    spatial = spatial_attention(audio, visual)
    temporal = temporal_attention(audio, (spatial * visual).sum(dim=2))
    expected = looped_attention(audio.numpy(), visual.numpy())
    np.testing.assert_allclose(spatial, expected[0], rtol=1e-12)
    np.testing.assert_allclose(temporal, expected[1], rtol=1e-12)


@pytest.mark.parametrize("relu", [False, True])
def test_the_ann_equals_the_loops(relu: bool) -> None:
    trunk, inputs = DualAttention(**SMALL, relu=relu).double(), make_inputs()
    audio, tokens = inputs["audio"].numpy(), inputs["visual"].numpy().reshape(3, 2, 3, 4)
    a, v = trunk.encoders["audio"], trunk.encoders["visual"]
    spatial, temporal = looped_attention(
        np.tanh(linear(a.attention, audio)), np.tanh(linear(v.attention, tokens))
    )
    pooled = looped_pooling(tokens, spatial, temporal)
    expected = {"audio": linear(a.projection, audio), "visual": linear(v.projection, pooled)}
    output = trunk(inputs, keep_attention=True)
    for name, features in output.features.items():
        wanted = np.maximum(expected[name], 0) if relu else expected[name]
        np.testing.assert_allclose(features.detach().numpy(), wanted[None], rtol=1e-10)
    np.testing.assert_allclose(output.attention.spatial.detach(), spatial, rtol=1e-12)
    np.testing.assert_allclose(output.attention.temporal.detach(), temporal, rtol=1e-12)


@pytest.fixture
def spiking() -> DualAttention:
    return DualAttention(**SMALL, neuron=IEMFLIF, time_steps=4).double()


def test_features_of_the_spiking_twin_are_spikes(spiking: DualAttention) -> None:
    features = spiking(make_inputs(gain=3.0)).features
    for name, value in features.items():
        assert value.shape == (4, 3, spiking.feature_dims[name])
        assert set(value.unique().tolist()) == {0.0, 1.0}


def test_the_spiking_twin_attends_by_firing_rates(spiking: DualAttention) -> None:
    inputs = make_inputs(gain=3.0)
    spikes: dict[str, Tensor] = {}
    for name, branch in spiking.encoders.items():
        branch.attention_neuron.register_forward_hook(
            lambda _layer, _inputs, output, name=name: spikes.update({name: output.detach()})
        )
    maps = maps_of(spiking, inputs)
    audio, visual = (spikes[name].mean(dim=0).numpy() for name in ("audio", "visual"))
    assert 0.0 < audio.mean() < 1.0
    spatial, temporal = looped_attention(audio, visual)
    np.testing.assert_allclose(maps.spatial.detach(), spatial, rtol=1e-12)
    np.testing.assert_allclose(maps.temporal.detach(), temporal, rtol=1e-12)


def test_no_membrane_outlives_a_batch(spiking: DualAttention) -> None:
    inputs = make_inputs(gain=3.0)
    first = spiking(inputs).features
    spiking(make_inputs(gain=3.0))
    for name, value in spiking(inputs).features.items():
        assert torch.equal(value, first[name])


@pytest.mark.parametrize("neuron", [None, IEMFLIF])
@pytest.mark.parametrize("keep_attention", [False, True])
def test_frames_in_parts_give_the_same_features_and_gradients(
    neuron: NeuronFactory | None, keep_attention: bool
) -> None:
    steps = 1 if neuron is None else 4
    make = partial(DualAttention, **SMALL, neuron=neuron, time_steps=steps)
    whole, parts = make().double(), make(frames_at_once=1).double()
    parts.load_state_dict(whole.state_dict())
    inputs = make_inputs(gain=3.0)
    results = []
    for trunk in (whole, parts):
        features, maps = trunk(inputs, keep_attention)
        extra = 0.0 if maps is None else maps.spatial.square().sum() + maps.temporal.square().sum()
        (sum(value.square().sum() for value in features.values()) + extra).backward()
        results.append([parameter.grad for parameter in trunk.parameters()])
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("neuron", [None, IEMFLIF])
def test_every_parameter_learns_and_belongs_to_one_modality(neuron: NeuronFactory | None) -> None:
    steps = 1 if neuron is None else 4
    trunk = DualAttention(**SMALL, neuron=neuron, time_steps=steps).double()
    features = trunk(make_inputs(samples=16, gain=3.0)).features
    sum((value * torch.randn_like(value)).sum() for value in features.values()).backward()
    owned = [p for branch in trunk.encoders.values() for p in branch.parameters()]
    assert {id(p) for p in owned} == {id(p) for p in trunk.parameters()}
    assert all(p.grad is not None and bool(p.grad.any()) for p in owned)


def test_maps_are_kept_on_request_alone() -> None:
    assert DualAttention(**SMALL).double()(make_inputs()).attention is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_steps": 4}, "without spiking neurons"),
        ({"time_steps": 4, "neuron": IEMFLIF, "relu": True}, "relu is for the ANN"),
        ({"neuron": torch.nn.ReLU}, "neuron makes spiking neurons"),
        ({"frames": 8, "frames_at_once": 3}, "frames_at_once divides"),
        ({"frames": 8, "frames_at_once": 0}, "frames_at_once divides"),
        ({"time_steps": 0, "neuron": IEMFLIF}, "at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DualAttention(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("audio", (3, 4), r"audio must be \[N, 3\], not \[3, 4\]"),
        ("visual", (3, 7, 4), r"visual must be \[N, a multiple of 2 tokens, 4\], not \[3, 7, 4\]"),
        ("visual", (3, 2, 3, 4), r"not \[3, 2, 3, 4\]"),
    ],
)
def test_inputs_of_a_wrong_shape_are_refused(
    name: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        DualAttention(**SMALL)({**make_inputs(), name: torch.zeros(shape)})


def test_a_missing_modality_is_named() -> None:
    with pytest.raises(UserError, match="no input 'visual'"):
        DualAttention(**SMALL)({"audio": torch.zeros(3, 3)})
