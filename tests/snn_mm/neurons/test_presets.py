"""The presets against the equations of their papers, stepped by hand in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from spikingjelly.activation_based import layer as layers
from spikingjelly.activation_based import neuron
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from snn_mm.encoders import RecurrentNet
from snn_mm.errors import UserError
from snn_mm.neurons import IEMFLIF, LIF, SCMRLLIF, SGMTLIF, TAAFLIF, is_spiking, reset_neurons

STEPS, NEURONS = 7, 200


@dataclass
class Equations:
    """u_pre = leak * u + gain * x; s = u_pre above (or at) threshold; u = u_pre * (1 - s)."""

    leak: float
    gain: float
    threshold: float
    at_threshold: bool
    slope: Callable[[float], float]
    detached: bool
    step_alone: bool = False  # no gradient flows from a step to the one before it

    def spikes(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u, charged, spikes = 0.0, [], []
        for current in x:
            u = self.leak * u + self.gain * current
            fired = u >= self.threshold if self.at_threshold else u > self.threshold
            charged.append(u)
            spikes.append(float(fired))
            u = 0.0 if fired else u
        return np.array(spikes), np.array(charged)

    def gradient(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """d(weight . spikes)/dx, by the chain rule written out backwards in time."""
        spikes, charged = self.spikes(x)
        grad_x, grad_u = np.zeros_like(x), 0.0
        for t in reversed(range(len(x))):
            slope = self.slope(charged[t] - self.threshold)
            reset = (1 - spikes[t]) - (0.0 if self.detached else charged[t] * slope)
            grad_charged = weight[t] * slope + grad_u * reset
            grad_x[t] = grad_charged * self.gain
            grad_u = 0.0 if self.step_alone else grad_charged * self.leak
        return grad_x


Case = tuple[Callable[..., LIF], Equations]


def arctan_slope(z: float) -> float:
    return 1 / (1 + (math.pi * z) ** 2)  # alpha = 2


def sigmoid_slope(z: float) -> float:
    s = 1 / (1 + math.exp(-4 * z))
    return 4 * s * (1 - s)


CASES = {
    "iemf-released": (
        IEMFLIF,
        Equations(0.5, 0.5, 0.5, False, lambda z: max(0, 2 - 4 * abs(z)), True),
    ),
    "iemf-paper": (
        lambda **options: IEMFLIF(form="paper", **options),
        Equations(0.5, 1.0, 0.5, False, lambda z: max(0, 2 - 4 * abs(z)), True),
    ),
    "taaf": (TAAFLIF, Equations(0.5, 1.0, 1.0, False, lambda z: max(0, 1 - abs(z)), False)),
    "scmrl": (SCMRLLIF, Equations(0.5, 0.5, 1.0, True, sigmoid_slope, True, step_alone=True)),
    "scmrl-through-time": (
        lambda **options: SCMRLLIF(detach_membrane=False, **options),
        Equations(0.5, 0.5, 1.0, True, sigmoid_slope, True),
    ),
    "sgmt": (SGMTLIF, Equations(0.5, 0.5, 0.5, True, arctan_slope, True)),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def currents(dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    # Multiples of 1/8 are exact in every format, and some membranes land on the threshold.
    return (torch.randn(STEPS, NEURONS, generator=generator) * 10).round().to(dtype) / 8


@pytest.mark.parametrize("implementation", ["auto", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_spikes_follow_the_paper(case: Case, dtype: torch.dtype, implementation: str) -> None:
    make, equations = case
    x = currents(dtype)
    spikes = make(implementation=implementation)(x)
    by_hand = np.stack([equations.spikes(column)[0] for column in x.double().numpy().T], 1)
    assert spikes.dtype == dtype
    assert 0.05 < by_hand.mean() < 0.9
    assert np.array_equal(spikes.double().numpy(), by_hand)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_surrogate_gradient_follows_the_paper(case: Case, dtype: torch.dtype) -> None:
    make, equations = case
    x, weight = currents(dtype).requires_grad_(), torch.randn(STEPS, NEURONS, dtype=torch.float64)
    (make()(x) * weight).sum().backward()
    pairs = zip(x.detach().double().numpy().T, weight.numpy().T)
    by_hand = np.stack([equations.gradient(*pair) for pair in pairs], 1)
    np.testing.assert_allclose(
        x.grad.numpy(), by_hand, atol=1e-5 if dtype == torch.float32 else 1e-12
    )


@pytest.mark.parametrize("implementation", ["auto", "reference"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_on_the_threshold_neurons_fire_as_their_papers_have_it(
    case: Case, dtype: torch.dtype, implementation: str
) -> None:
    make, equations = case
    on_it = torch.full((1, 3), equations.threshold / equations.gain, dtype=dtype)
    above = on_it.nextafter(torch.tensor(math.inf, dtype=dtype))
    layer = make(implementation=implementation)
    assert layer(on_it).eq(equations.at_threshold).all()
    reset_neurons(layer)
    assert layer(above).eq(1).all()


def test_single_steps_equal_the_sequence(case: Case) -> None:
    make, _ = case
    x = currents(torch.float32)
    stepping = make()
    stepping.step_mode = "s"
    assert torch.equal(torch.stack([stepping(step) for step in x]), make()(x))


def test_half_precision_input_keeps_a_float32_membrane(case: Case) -> None:
    layer = case[0]()
    assert layer(torch.full((4, 2), 0.2, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert layer.v.dtype == torch.float32


def test_a_membrane_in_float32_lies_in_memory_as_a_half_precision_input_does() -> None:
    x = torch.randn(6, 3, 4, 5).to(torch.bfloat16, memory_format=torch.channels_last)
    layer = LIF(implementation="reference")
    (v,) = layer.materialize_states((x.unflatten(0, (3, 2)),), (0.0,), "m")
    assert (v.dtype, v.stride()) == (torch.float32, x[:2].stride())


def test_forms_of_iemf_differ_by_the_input_factor() -> None:
    x = currents(torch.float32)
    assert torch.equal(IEMFLIF(form="paper")(x), IEMFLIF(form="released")(2 * x))


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"tau": 1.0}, "tau"),
        ({"tau": math.nan}, "tau"),
        ({"v_threshold": 0.0}, "v_threshold"),
        ({"v_threshold": -1}, "v_threshold"),
    ],
)
def test_a_senseless_constant_is_named(options: dict[str, float], culprit: str) -> None:
    with pytest.raises(UserError, match=culprit):
        IEMFLIF(**options)


def test_unknown_form_is_named() -> None:
    with pytest.raises(UserError, match="papr"):
        IEMFLIF(form="papr")


def test_yaml_coerces_whole_numbers() -> None:
    parser = ArgumentParser()
    parser.add_argument("--neuron", type=Callable[[], nn.Module])
    options = "--neuron=snn_mm.neurons.IEMFLIF", "--neuron.tau=3", "--neuron.v_threshold=1"
    factory = parser.instantiate(parser.parse_args(list(options))).neuron
    first, second = factory(), factory()
    assert (first.tau, first.v_threshold) == (3.0, 1.0)
    assert first is not second


def test_reset_spares_metrics() -> None:
    neurons, mean = [IEMFLIF(), neuron.IFNode(step_mode="m")], MeanMetric()
    parts = nn.ModuleList([*neurons, mean, MetricCollection({"mean": MeanMetric()})])
    for metric in parts[2:]:
        metric.update(3.0)
    for layer in parts[:2]:
        layer(torch.ones(2, 3) / 4)
    reset_neurons(parts)
    assert (mean.compute(), parts[3].compute()["mean"]) == (3.0, 3.0)
    assert all(layer.v == 0.0 for layer in parts[:2])


def test_is_spiking_tells_a_twin_apart() -> None:
    assert is_spiking(nn.Sequential(nn.Linear(1, 1), TAAFLIF()))
    assert not is_spiking(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))


class ByHand(nn.Module):
    """A neuron layer of one's own: no base class, and a state that only `reset` forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.v: Tensor | float = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.v = self.v + x.sum(0)
        return (self.v > 1).to(x).expand(x.shape)

    def reset(self) -> None:
        self.v = 0.0


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid()


def test_what_fires_is_told_by_its_output() -> None:
    stateless = partial(neuron.PSN, T=3)
    firing = [stateless, partial(neuron.SlidingPSN, k=2), neuron.SimpleIFNode, ByHand]
    silent = [Swish, nn.Identity, nn.Dropout, layers.Dropout, lambda: layers.Conv2d(1, 1, 3)]
    assert [is_spiking(nn.Sequential(nn.Linear(1, 1), make())) for make in firing] == [True] * 4
    assert [is_spiking(nn.Sequential(nn.Linear(1, 1), make())) for make in silent] == [False] * 5


def test_a_recurrent_container_of_activations_does_not_fire() -> None:
    assert not is_spiking(RecurrentNet(4, 6, neuron=nn.ReLU))
    assert is_spiking(RecurrentNet(4, 6))


def test_a_neuron_of_ones_own_is_reset() -> None:
    own = ByHand()
    own(torch.ones(2, 3))
    reset_neurons(nn.Sequential(own))
    assert own.v == 0.0
