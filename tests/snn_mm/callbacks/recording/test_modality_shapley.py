"""Shapley values over a training: they add up, and change nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import FiringRateMonitor, ModalityShapley
from snn_mm.callbacks.recording.modality_shapley import coalition_worth
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.metrics.contribution import coalitions, shapley_values
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF

NAMES = ("a", "b")


class Spikes(Encoder):
    """A linear layer and neurons: `[N, 3]` to `[2, N, 6]`."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 6, 2
        self.layers = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Dropout(0.2))
        self.neuron = IEMFLIF()

    def forward(self, x: Tensor) -> Tensor:
        current = self.layers(x)
        return self.neuron(current.expand(2, *current.shape))


def batches(absent: bool = False) -> DataLoader[Batch]:
    source = torch.Generator().manual_seed(0)
    made = []
    for size in (5, 4):
        batch = Batch(
            inputs={name: torch.randn(size, 3, generator=source) for name in NAMES},
            target=torch.randint(3, (size,), generator=source),
            id=[f"{size} {row}" for row in range(size)],
        )
        if absent:
            batch["present"] = {"a": torch.arange(size) > 1}
        made.append(batch)
    return DataLoader(made, batch_size=None)  # type: ignore[arg-type]


def make() -> IEMFModule:
    seed_everything(0, verbose=False)
    module = IEMFModule({name: Spikes() for name in NAMES}, Concat, 3)
    with torch.no_grad():  # else no neuron fires, and all predictions are one
        for encoder in module.encoders.values():
            encoder.layers[0].weight.mul_(8)
    return module


def trainer(folder: Path, *callbacks: Any, epochs: int = 1) -> Trainer:
    return quiet_trainer(*callbacks, max_epochs=epochs, default_root_dir=folder)


@pytest.mark.parametrize("absent", [False, True])
def test_values_are_those_of_all_coalitions_over_the_set(tmp_path: Path, absent: bool) -> None:
    module, loader = make(), batches(absent)
    (found,) = trainer(tmp_path, ModalityShapley()).test(module, loader, verbose=False)
    accuracy = found["test/accuracy/fused"]
    total = sum(found[f"test/shapley/{m}"] for m in NAMES)
    assert total == pytest.approx(accuracy - 1 / 3, abs=1e-6)
    assert found["test/shapley_probability/a"] != found["test/shapley_probability/b"]
    module.eval()
    with torch.no_grad():
        values = {
            each: torch.cat([coalition_worth(module, batch, each).value for batch in loader]).mean()
            for each in coalitions(NAMES)
        }
    for name, expected in shapley_values(values).items():
        assert found[f"test/shapley_probability/{name}"] == pytest.approx(float(expected), abs=1e-6)
    utilisation = (accuracy - alone(module, loader, "b")) / accuracy
    assert found["test/utilisation/a"] == pytest.approx(utilisation, abs=1e-6)


def alone(module: IEMFModule, loader: DataLoader[Batch], name: str) -> float:
    with torch.no_grad():
        found = [coalition_worth(module, batch, frozenset({name})).counted for batch in loader]
    return float(torch.cat(found).mean())


def test_training_and_monitors_are_the_same_with_and_without(tmp_path: Path) -> None:
    results, weights, heard = [], [], [0, 0]
    for place, callbacks in enumerate(([ModalityShapley()], [])):
        module, fit = make(), trainer(tmp_path, *callbacks, FiringRateMonitor(), epochs=3)

        def hear(*_: Any, place: int = place) -> None:
            heard[place] += 1

        module.encoders["a"].neuron.register_forward_hook(hear)
        fit.fit(module, batches(), batches())
        results.append({k: float(v) for k, v in fit.callback_metrics.items() if "firing" in k})
        weights.append(module.state_dict())
    assert results[0] == results[1]
    assert heard[0] == heard[1] > 0
    assert results[0].keys() == {f"val/firing_rate/{m}" for m in NAMES}
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_every_second_epoch_is_measured(tmp_path: Path) -> None:
    fit, seen = trainer(tmp_path, ModalityShapley(every_n_epochs=2), epochs=1), "val/shapley/a"
    fit.fit(make(), batches(), batches())
    assert seen not in fit.callback_metrics
    fit = trainer(tmp_path, ModalityShapley(every_n_epochs=2), epochs=2)
    fit.fit(make(), batches(), batches())
    assert seen in fit.callback_metrics


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="every_n_epochs is 0"):
        ModalityShapley(0)
    module = make()
    module.__class__ = type("Many", (IEMFModule,), {"modalities": tuple("abcdefg")})
    with pytest.raises(UserError, match="Many has 7 modalities; accepted are 1 to 6"):
        ModalityShapley().begin(trainer(tmp_path), module, "test")
