"""Contributions of a network that was given a modality without any information."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from snn_mm.analysis.robustness.conditions import RobustnessSettings, absences
from snn_mm.analysis.robustness.contribution import contributions, worth_of_record
from snn_mm.analysis.robustness.probe import ConditionProbe
from snn_mm.analysis.robustness.record import Record
from snn_mm.config.restore import Restored
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.metrics.contribution import shapley_values
from snn_mm.modules.iemf.module import IEMFModule
from snn_mm.run.directory import RunDirectory

NAMES = ("inertial", "skeleton", "sound")
CLASSES = 4
SETTINGS = RobustnessSettings(energy_samples=0)


class Linear(Encoder):
    """`[N, D]` to `[1, N, D]`."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 8, 1
        self.layers = torch.nn.Sequential(torch.nn.Linear(CLASSES, 8), torch.nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).unsqueeze(0)


class Noisy(LightningDataModule):
    """The class is told by two modalities, by one of them more clearly, and sound is noise."""

    def __init__(self, samples: int = 400, seed: int = 0) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(seed)
        target = torch.randint(CLASSES, (samples,), generator=source)
        told = torch.nn.functional.one_hot(target, CLASSES).float()
        strength = {"inertial": 1.0, "skeleton": 2.0, "sound": 0.0}
        noise = {m: torch.randn(samples, CLASSES, generator=source) for m in NAMES}
        self.inputs = {m: strength[m] * told + 0.5 * noise[m] for m in NAMES}
        self.target = target
        self.present = {m: torch.ones(samples, dtype=torch.bool) for m in NAMES}

    def test_dataloader(self) -> Any:
        rows = [
            {
                "inputs": {m: x[i] for m, x in self.inputs.items()},
                "present": {m: x[i] for m, x in self.present.items()},
                "target": self.target[i],
                "id": f"s{i}",
            }
            for i in range(len(self.target))
        ]
        return DataLoader(rows, batch_size=64)


@pytest.fixture(scope="module")
def data() -> Noisy:
    return Noisy(1000)


@pytest.fixture(scope="module")
def module() -> IEMFModule:
    """A network that saw modalities come and go, as modality dropout has them."""
    torch.manual_seed(0)
    data = Noisy(seed=1)
    network = IEMFModule({m: Linear() for m in NAMES}, Concat, CLASSES)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(120):
        rows = torch.rand(3, len(data.target)) < 0.7
        rows[torch.randint(3, (len(data.target),)), torch.arange(len(data.target))] = True
        logits = network.readout(network(data.inputs, dict(zip(NAMES, rows))))["fused"]
        loss = torch.nn.functional.cross_entropy(logits, data.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def record_of(module: IEMFModule, data: Noisy) -> Record:
    probe = ConditionProbe(Restored(module, data, RunDirectory(Path("nowhere"))), SETTINGS)
    return {condition: probe.measure(condition) for condition in absences(NAMES)}


def test_noise_is_worth_nothing_and_the_clearer_modality_more(
    module: IEMFModule, data: Noisy
) -> None:
    found = contributions(record_of(module, data))
    assert abs(found["sound"].shapley) < 0.02
    assert abs(found["sound"].shapley_probability or 1) < 0.02
    assert abs(found["sound"].utilisation or 0) < 0.02
    assert found["skeleton"].shapley > found["inertial"].shapley > 0.15
    assert abs(found["sound"].alone - 1 / CLASSES) < 0.1


def test_they_add_up_to_the_accuracy_beyond_chance_and_so_for_each_sample(
    module: IEMFModule, data: Noisy
) -> None:
    record = record_of(module, data)
    found, whole = contributions(record), record[next(iter(record))]
    total = math.fsum(each.shapley for each in found.values())
    assert abs(total - (whole.metrics["test/accuracy/fused"] - 1 / CLASSES)) < 1e-12
    worth = worth_of_record(record)
    every = sum(shapley_values(worth.value).values())
    gained = worth.value[frozenset(NAMES)] - worth.value[frozenset()]
    assert (every - gained).abs().max() < 1e-12
    means = math.fsum(each.shapley_probability or 0 for each in found.values())
    assert abs(means - float(gained.mean())) < 1e-12


def test_samples_that_lack_a_modality_get_nothing_of_it(module: IEMFModule) -> None:
    lacking = Noisy()
    lacking.present["skeleton"][:30] = False
    lacking.inputs["skeleton"][:30] = torch.nan
    record = record_of(module, lacking)
    assert record[next(iter(record))].metrics["test/samples"] == 400
    alone = next(m for c, m in record.items() if c.present == ("skeleton",))
    assert alone.metrics["test/samples"] == 370
    worth = worth_of_record(record)
    assert (shapley_values(worth.value)["skeleton"][:30] == 0).all()
    assert (shapley_values(worth.value)["skeleton"][30:] != 0).all()
    assert (worth.value[frozenset({"skeleton"})][:30] == 1 / CLASSES).all()


def test_the_accuracy_of_the_set_is_that_of_the_whole_prediction(
    module: IEMFModule, data: Noisy
) -> None:
    record = record_of(module, data)
    for measured in record.values():
        mean = math.fsum(measured.right.values()) / len(measured.right)
        assert mean == pytest.approx(measured.metrics["test/accuracy/fused"], abs=1e-12)
