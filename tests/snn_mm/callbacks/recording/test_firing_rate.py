from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from spikingjelly.activation_based.neuron import BaseNode, SlidingPSN
from torch import Tensor, nn
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import FiringRateMonitor
from snn_mm.callbacks.recording.firing_rate import count_spikes, spiking_parts
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, Encoder, RecurrentNet
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule


class Always(BaseNode):
    """A neuron layer that fires at every `period`-th place of the last dimension."""

    def __init__(self, period: int) -> None:
        super().__init__(step_mode="m")
        self.period = period

    def forward(self, x: Tensor) -> Tensor:
        spikes = torch.zeros_like(x)
        spikes[..., :: self.period] = 1.0
        return spikes


class TwoLayers(Encoder):
    """A layer of 8 neurons that fire half the time and one of 4 that fire always."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 2
        self.wide, self.narrow = Always(2), Always(1)
        self.linear = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.wide(x.expand(2, *x.shape))  # [T, N, 8]
        return self.narrow(self.linear(spikes))  # [T, N, 4]


def batches() -> DataLoader[Batch]:
    sizes = (3, 1)
    made = [
        Batch(
            inputs={"a": torch.zeros(n, 8), "b": torch.randn(n, 1, 8, 8)},
            target=torch.zeros(n, dtype=torch.long),
            id=["x"] * n,
        )
        for n in sizes
    ]
    return DataLoader(made, batch_size=None)  # type: ignore[arg-type]


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    return quiet_trainer(FiringRateMonitor(), default_root_dir=tmp_path)


def test_neurons_of_any_base_class_have_a_rate(trainer: Trainer) -> None:
    torch.manual_seed(0)
    sliding = partial(SlidingPSN, k=2)
    encoders: dict[str, Encoder] = {
        "a": TwoLayers(),
        "b": ConvNet(1, sliding, time_steps=2, channels=(4,), feature_dim=4),
    }
    (metrics,) = trainer.test(IEMFModule(encoders, Concat, num_classes=2), batches(), verbose=False)
    assert 0 < metrics["test/firing_rate/b"] < 1


def test_rate_is_spikes_over_neurons_steps_and_samples(trainer: Trainer) -> None:
    encoders: dict[str, Encoder] = {
        "a": TwoLayers(),
        "b": ConvNet(1, time_steps=2, channels=(4,), feature_dim=4),
    }
    module = IEMFModule(encoders, Concat, num_classes=2)
    (metrics,) = trainer.test(module, batches(), verbose=False)
    assert metrics["test/firing_rate/a"] == pytest.approx((8 * 0.5 + 4 * 1.0) / 12)
    assert 0 <= metrics["test/firing_rate/b"] <= 1


def test_ann_twin_has_no_firing_rate_and_no_hooks_stay_behind(trainer: Trainer) -> None:
    ann = ConvNet(1, neuron=nn.ReLU, time_steps=1, channels=(4,), feature_dim=4)
    module = IEMFModule({"b": ann}, Concat, num_classes=2)
    (metrics,) = trainer.test(module, batches(), verbose=False)
    assert not [name for name in metrics if "firing_rate" in name]
    assert not any(part._forward_hooks for part in module.modules())


def test_count_is_exact_for_bfloat16_spikes() -> None:
    spikes = torch.ones(1000, 1000, dtype=torch.bfloat16)
    assert count_spikes(Always(1), spikes).tolist() == [1e6, 1e6]


def test_padding_is_no_place_where_a_neuron_could_fire() -> None:
    neurons = Always(2)
    neurons.valid = torch.tensor([[True, True], [True, False], [True, False]])  # [T, N]
    spikes = torch.zeros(3, 2, 4)
    spikes[:, 0] = 1.0
    assert count_spikes(neurons, spikes).tolist() == [12.0, 16.0]


def test_a_spiking_fusion_has_a_rate_of_its_own() -> None:
    module = IEMFModule({"a": TwoLayers()}, Concat, 2)
    module.fusion.neurons = Always(1)
    names = [name for name, _ in spiking_parts(module)]
    assert names == ["a", "fusion"]


def test_an_ann_that_keeps_a_state_has_no_rate() -> None:
    recurrent = RecurrentNet(bands=2, frames=4, neuron=nn.ReLU, time_steps=2, hidden=(3,))
    module = IEMFModule({"a": recurrent}, Concat, 2)
    assert list(spiking_parts(module)) == []


class Silent(Always):
    """A layer of neurons that never fire."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def test_an_encoder_that_does_not_fire_in_a_validation_is_warned_of_once(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    encoder = TwoLayers()
    encoder.wide, encoder.narrow = Silent(1), Silent(1)
    encoders: dict[str, Encoder] = {"a": encoder, "b": ConvNet(1, time_steps=2, channels=(4,))}
    module = IEMFModule(encoders, Concat, num_classes=2, optimizer=partial(torch.optim.SGD, lr=0.1))
    trainer = quiet_trainer(FiringRateMonitor(), max_epochs=2, default_root_dir=tmp_path)
    trainer.fit(module, batches(), batches())
    said = [str(each.message) for each in recwarn if "fired" in str(each.message)]
    assert said == ["no neuron of a fired in the validation of epoch 1: the others do without it"]
