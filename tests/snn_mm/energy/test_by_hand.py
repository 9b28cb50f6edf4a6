"""Three networks counted by hand, and by the callback in a real test.

Each network sees bright samples (0.5), whose bright neurons fire at both time steps, and dim ones
(0.25), where the same neurons fire at the second step alone. No other neuron ever fires.

A LIF layer that integrates u <- u - u/tau + x takes six sums an update: v - v_reset, v - .../tau,
... + x, u - threshold, 1 - spike, and the reset. At rest v and v/tau are silent, so the second of
the first step costs nothing. With `decay_input` it is x - v, which is never silent here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import layer
from torch import Tensor, nn
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import EnergyEstimator
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, Encoder
from snn_mm.energy import Counts, EnergyReport
from snn_mm.energy.layers import total
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import TAAFLIF, reset_neurons

PAIRS = 16
BYTES = 4  # of a float32


class LinearNet(Encoder):
    """3 inputs, 4 neurons of which 2 fire, 2 features; T = 2."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 2, 2
        self.first = nn.Linear(3, 4, bias=False)
        self.neuron = TAAFLIF()
        self.second = nn.Linear(4, 2, bias=False)
        nn.init.zeros_(self.first.weight)
        self.first.weight.data[:, 0] = torch.tensor([4.0, 4.0, 0.5, 0.5])

    def forward(self, x: Tensor) -> Tensor:
        reset_neurons(self)
        current = self.first(x)
        out: Tensor = self.second(self.neuron(current.expand(self.time_steps, *current.shape)))
        return out  # [T, N, 2]

    def inputs(self, value: float) -> Tensor:
        return torch.tensor([value, 0.0, 0.0])


class StridedNet(Encoder):
    """4x4 pixels, convolution with padding, neurons, convolution with padding and stride; T = 2."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 12, 2
        self.first = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.neuron = TAAFLIF()
        self.second = layer.Conv2d(2, 3, 3, stride=2, padding=1, bias=False, step_mode="m")
        _pass_on(self.first)

    def forward(self, x: Tensor) -> Tensor:
        reset_neurons(self)
        current = self.first(x)
        spikes = self.neuron(current.expand(self.time_steps, *current.shape))
        out: Tensor = self.second(spikes).flatten(-3)  # [T, N, 12]
        return out

    def inputs(self, value: float) -> Tensor:
        return torch.full((1, 4, 4), value)


class PooledNet(ConvNet):
    """The real ConvNet on 8x8 pixels of which the left half is bright; T = 2."""

    def __init__(self) -> None:
        super().__init__(1, time_steps=2, channels=(2,), feature_dim=4)
        _pass_on(self.conv)

    def inputs(self, value: float) -> Tensor:
        x = torch.zeros(1, 8, 8)
        x[..., :4] = value
        return x


def _pass_on(conv: nn.Conv2d) -> None:
    """The first channel fires where the input is bright, the second never."""
    nn.init.zeros_(conv.weight)
    conv.weight.data[:, 0, 1, 1] = torch.tensor([4.0, 0.5])


def dense(sites: int, bias: int = 0) -> Counts:
    """A layer whose input is not binary: a MAC and a weight read for every connection."""
    memory = (sites + bias) * BYTES
    return Counts(mac=sites, memory_bytes=memory, sites=sites, mac_sites=sites)


def spiking(synops: int, sites: int) -> Counts:
    """A layer driven by spikes: an AC and a weight read for every connection of a spike."""
    return Counts(ac=synops, synops=synops, memory_bytes=synops * BYTES, sites=sites)


def neurons(updates: int, ac: int) -> Counts:
    """A membrane is read and written for every update."""
    return Counts(ac=ac, neuron_updates=updates, memory_bytes=2 * updates * BYTES)


def twice(counts: Counts) -> Counts:
    """The same for a bright and a dim sample."""
    return counts + counts


# Layers of the encoder for one bright and one dim sample together.
EXPECTED: dict[type[Encoder], dict[str, Counts]] = {
    LinearNet: {
        "first": twice(dense(3 * 4)),
        "neuron": twice(neurons(2 * 4, ac=6 * 8 - 4)),
        # 2 neurons, each with 2 connections, fire 2 times and 1 time; T = 2.
        "second": spiking(2 * 2 * (2 + 1), sites=2 * (2 * 4 * 2)),
    },
    StridedNet: {
        # 16 places, 2 channels, 9 taps; a tap on padding is a MAC like any other.
        "first": twice(dense(16 * 2 * 9)),
        "neuron": twice(neurons(2 * 32, ac=6 * 64 - 32)),
        # Of 2x2 windows of 3x3 taps, the taps that lie within the 4x4 map: (2 + 3)² = 25 of 36.
        "second": spiking(25 * 3 * (2 + 1), sites=2 * (2 * 4 * 3 * 2 * 9)),
    },
    PooledNet: {
        "conv": twice(dense(64 * 2 * 9)),
        "norm": twice(Counts(mac=128, ac=128 + 2)),
        "neuron": twice(neurons(2 * 128, ac=6 * 256)),
        # 8x4 bright places are 4x2 after the max-pool, each with 4 connections.
        "projection.0": spiking(8 * 4 * (2 + 1), sites=2 * (2 * 32 * 4)),
        "projection.1": twice(Counts(mac=2 * 4, ac=2 * 4 + 4)),
    },
}
NETWORKS = list(EXPECTED)


def make_module(network: type[Encoder]) -> IEMFModule:
    torch.manual_seed(0)
    return IEMFModule({"x": network()}, Concat, num_classes=3)


def batches(encoder: Any, size: int) -> DataLoader[Batch]:
    pair = torch.stack([encoder.inputs(0.5), encoder.inputs(0.25)])
    x = pair.repeat(PAIRS, *[1] * (pair.dim() - 1))
    made = [
        Batch(inputs={"x": part}, target=torch.zeros(size).long(), id=["i"] * size)
        for part in x.split(size)
    ]
    return DataLoader(made, batch_size=None)  # type: ignore[arg-type]


@pytest.fixture
def measure(tmp_path: Path) -> Callable[..., EnergyReport]:
    def run(module: IEMFModule, size: int = 2 * PAIRS, **options: Any) -> EnergyReport:
        estimator = EnergyEstimator(batches=2 * PAIRS // size, samples=None)
        trainer = quiet_trainer(estimator, default_root_dir=tmp_path, **options)
        trainer.test(module, batches(module.encoders["x"], size), verbose=False)
        assert estimator.report is not None
        return estimator.report

    return run


def times(factor: int, counts: Counts) -> Counts:
    return sum([counts] * factor, Counts())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [1, 2 * PAIRS])
def test_counts_of_every_layer_equal_those_by_hand(
    network: type[Encoder], size: int, measure: Callable[..., EnergyReport]
) -> None:
    report = measure(make_module(network), size)
    counted = {layer.name: layer.counts for layer in report.layers}
    for name, expected in EXPECTED[network].items():
        assert counted[f"encoders.x.{name}"] == times(PAIRS, expected), name


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "options", [{"inference_mode": False}, {"precision": "bf16-mixed"}, {"precision": "bf16-true"}]
)
def test_neither_inference_mode_nor_precision_changes_a_number(
    network: type[Encoder], options: dict[str, Any], measure: Callable[..., EnergyReport]
) -> None:
    module = make_module(network).bfloat16().float()  # weights that bfloat16 holds exactly
    assert measure(module, **options).as_dict() == measure(module.float()).as_dict()


@pytest.mark.parametrize("network", NETWORKS)
def test_batches_of_one_and_of_32_give_the_same_report(
    network: type[Encoder], measure: Callable[..., EnergyReport]
) -> None:
    module = make_module(network)
    assert measure(module, 1).as_dict() == measure(module, 32).as_dict()


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_and_parts_add_up_to_the_total(
    network: type[Encoder], measure: Callable[..., EnergyReport]
) -> None:
    report = measure(make_module(network))
    content = report.as_dict()
    for key in ("mac", "ac", "synops", "neuron_updates", "memory_bytes", "formula_pj"):
        whole = pytest.approx(content["total"][key])
        assert sum(part[key] for part in content["parts"].values()) == whole
        assert sum(layer[key] for layer in content["layers"]) == whole


def test_energies_follow_from_the_counts_by_hand(measure: Callable[..., EnergyReport]) -> None:
    encoder = measure(make_module(LinearNet)).parts["x"]
    head_mac = 2 * 2 * 3  # T, features, classes: the modality's own classifier
    assert encoder.compute_pj == pytest.approx(4.6 * (12 + head_mac) + 0.9 * (44 + 6))
    assert encoder.formula_pj == pytest.approx(4.6 * 12 + 0.9 * 6)
    bytes_read = BYTES * (12 + 2 * 8 + 6 + head_mac + 2 * 3)
    assert encoder.memory_pj == pytest.approx(24.96 * bytes_read)
    assert encoder.purity == pytest.approx(16 / (16 + head_mac))


def test_ann_twin_has_a_mac_for_every_connection_at_one_time_step(
    measure: Callable[..., EnergyReport],
) -> None:
    twin = measure(make_module(StridedNet)).twin
    assert twin is not None
    counted = {layer.name: layer.counts.mac for layer in twin if layer.counts.mac}
    assert counted == {
        "encoders.x.first": 16 * 2 * 9,
        "encoders.x.second": 4 * 3 * 2 * 9,
        "fusion.heads.x": 12 * 3,
        "fusion.classifier": 12 * 3,
    }
    assert total(twin).neuron_updates == 0


def test_ratio_is_the_energy_of_the_twin_over_that_of_the_network(
    measure: Callable[..., EnergyReport],
) -> None:
    report = measure(make_module(LinearNet))
    twin = report.ann_twin
    assert twin is not None
    assert twin.total.formula_pj == pytest.approx(4.6 * (12 + 8 + 6 + 6))
    assert twin.ratio_formula == pytest.approx(4.6 * 32 / (4.6 * 12 + 0.9 * 6))
    assert twin.ratio_compute == pytest.approx(twin.total.compute_pj / report.total.compute_pj)
