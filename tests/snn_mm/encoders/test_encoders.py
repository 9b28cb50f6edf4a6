"""What every backbone promises, in every form and for every kind of input."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.base import MemoryModule
from torch import Tensor, nn
from torch.nn.functional import interpolate

from snn_mm.encoders import ConvNet, ImageEncoder, ResNet18
from snn_mm.errors import UserError
from snn_mm.neurons import IEMFLIF, LIF, SGMTLIF, TAAFLIF, reset_neurons

Make = Callable[..., ImageEncoder]

BACKBONES: dict[str, Make] = {
    "preactivation": lambda **options: ResNet18(2, width=8, **options),
    "postactivation": lambda **options: ResNet18(2, form="postactivation", width=8, **options),
    "convnet": lambda **options: ConvNet(2, channels=[8, 16], feature_dim=24, **options),
}
LEADING = {"static": (4,), "frames": (4, 3), "events": (4, 5)}  # [N], [N, L], [N, T]


@pytest.fixture(params=BACKBONES.values(), ids=BACKBONES.keys())
def make(request: pytest.FixtureRequest) -> Make:
    torch.manual_seed(0)
    return request.param


def images(kind: str = "static", dtype: torch.dtype = torch.float32) -> Tensor:
    """Smooth noise, two channels of 32x40: white noise would silence a deep spiking network."""
    leading = LEADING[kind]
    count = torch.Size(leading).numel()
    coarse = torch.randn(count, 2, 5, 6, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return interpolate(2 * coarse, (32, 40), mode="bilinear").unflatten(0, leading)


def warmed(encoder: ImageEncoder, kind: str = "static") -> ImageEncoder:
    """The encoder in evaluation mode and float64, with running statistics of real activations."""
    for _ in range(20):
        encoder(images(kind))
    return encoder.double().eval()


def neuron_outputs(encoder: ImageEncoder, x: Tensor) -> list[Tensor]:
    outputs: list[Tensor] = []
    for layer in encoder.modules():
        if isinstance(layer, MemoryModule):
            layer.register_forward_hook(lambda _layer, _inputs, output: outputs.append(output))
    encoder(x)
    return outputs


@pytest.mark.parametrize("preset", [IEMFLIF, TAAFLIF, SGMTLIF])
@pytest.mark.parametrize("kind", LEADING)
def test_every_neuron_layer_spikes_and_steps_differ(make: Make, kind: str, preset: type) -> None:
    encoder = make(neuron=preset, input_kind=kind)
    outputs = neuron_outputs(encoder, images(kind))
    assert len(outputs) == sum(isinstance(layer, LIF) for layer in encoder.modules())
    for spikes in outputs:
        assert set(spikes.unique().tolist()) == {0.0, 1.0}
        assert (spikes[1:] != spikes[:-1]).any()


@pytest.mark.parametrize("kind", LEADING)
def test_shape_of_features(make: Make, kind: str) -> None:
    encoder = make(input_kind=kind)
    steps = 5 if kind == "events" else encoder.time_steps
    assert encoder(images(kind)).shape == (steps, 4, encoder.feature_dim)


@pytest.mark.parametrize("kind", LEADING)
def test_same_batch_twice_gives_the_same_features(make: Make, kind: str) -> None:
    encoder, x = make(input_kind=kind), images(kind)
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize("kind", LEADING)
def test_order_and_size_of_the_batch_do_not_matter(make: Make, kind: str) -> None:
    encoder, x = warmed(make(input_kind=kind), kind), images(kind, torch.float64)
    whole, order = encoder(x), torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(encoder(x[order]), whole[:, order], rtol=0, atol=1e-12)
    torch.testing.assert_close(encoder(x[:3]), whole[:, :3], rtol=0, atol=1e-12)


def test_nothing_leaks_from_an_evaluation_pass(make: Make) -> None:
    encoder = make()
    fresh = copy.deepcopy(encoder)
    with torch.no_grad():
        encoder.eval()(-images())
    first, second = encoder.train()(images()), fresh(images())
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", LEADING)
def test_gradient_reaches_every_parameter(make: Make, kind: str) -> None:
    encoder = make(input_kind=kind)
    (encoder(images(kind)) ** 2).sum().backward()
    silent = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("kind", LEADING)
def test_ann_twin_has_the_same_parameters_and_one_step(make: Make, kind: str) -> None:
    twin = make(neuron=nn.ReLU, time_steps=1, input_kind=kind)
    assert twin(images(kind)).shape == (1, 4, twin.feature_dim)
    assert twin.state_dict().keys() == make().state_dict().keys()


def test_ann_twin_sees_the_mean_of_the_event_bins(make: Make) -> None:
    events, static = (
        make(neuron=nn.ReLU, time_steps=1, input_kind=k) for k in ("events", "static")
    )
    static.load_state_dict(events.state_dict())
    x = images("events")
    torch.testing.assert_close(events(x), static(x.mean(1)))


def test_frames_are_averaged(make: Make) -> None:
    frames, static = warmed(make(input_kind="frames"), "frames"), make().double().eval()
    static.load_state_dict(frames.state_dict())
    x = images("frames", torch.float64)
    each = torch.stack([static(x[:, i]) for i in range(3)])
    torch.testing.assert_close(frames(x), each.mean(0), rtol=0, atol=1e-12)


def as_time_loop(encoder: ImageEncoder) -> ImageEncoder:
    """The same network on spikingjelly's own neurons, which step through time one by one."""
    loop = copy.deepcopy(encoder)
    for parent in list(loop.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, IEMFLIF):
                threshold = torch.tensor(0.5, dtype=torch.float64).nextafter(
                    torch.tensor(1.0).double()
                )
                setattr(parent, name, neuron.LIFNode(2.0, v_threshold=threshold.item()))
    functional.set_step_mode(loop, "s")
    return loop


@pytest.mark.parametrize("kind", ["static", "events"])
def test_equals_a_plain_loop_over_time(make: Make, kind: str) -> None:
    encoder, x = warmed(make(input_kind=kind), kind), images(kind, torch.float64)
    reset_neurons(encoder)
    loop = as_time_loop(encoder)
    steps = x.unbind(1) if kind == "events" else [x] * encoder.time_steps
    by_loop = torch.stack([loop.body(loop.stem(step)) for step in steps])
    torch.testing.assert_close(encoder(x), by_loop, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LEADING)
def test_a_wrong_input_is_told_the_right_shape(make: Make, kind: str) -> None:
    encoder = make(input_kind=kind)
    for x in (images(kind)[..., :1, :, :], images(kind)[0], images(kind)[None]):
        with pytest.raises(UserError, match=r"must be \[N, .*2, H, W\].*this one is"):
            encoder(x)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"input_kind": "video"}, "input_kind"),
        ({"time_steps": 0}, "time_steps"),
        ({"neuron": nn.ReLU, "time_steps": 4}, "time_steps: 1"),
    ],
)
def test_a_wrong_option_is_named(make: Make, options: dict[str, object], culprit: str) -> None:
    with pytest.raises(UserError, match=culprit):
        make(**options)


@pytest.mark.parametrize("channels_last", [True, False])
def test_memory_format_reaches_the_neurons(make: Make, channels_last: bool) -> None:
    outputs = neuron_outputs(make(channels_last=channels_last), images())
    wanted = torch.channels_last if channels_last else torch.contiguous_format
    maps = [spikes for spikes in outputs if spikes.dim() == 5]
    assert all(spikes.flatten(0, 1).is_contiguous(memory_format=wanted) for spikes in maps)
