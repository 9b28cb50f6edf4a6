from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import EnergyEstimator, FiringRateMonitor
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet
from snn_mm.energy import CostModel
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

SCALARS = {"compute_uj", "memory_uj", "formula_uj", "ann_ratio", "purity"}
COUNTS = {
    "mac",
    "ac",
    "synops",
    "neuron_updates",
    "memory_bytes",
    "compute_pj",
    "memory_pj",
    "formula_pj",
    "purity",
}


@pytest.fixture
def module() -> IEMFModule:
    torch.manual_seed(0)
    encoders = {n: ConvNet(1, time_steps=2, channels=(4,), feature_dim=4) for n in ("a", "b")}
    return IEMFModule(encoders, Concat, num_classes=2)  # type: ignore[arg-type]


@pytest.fixture
def loader() -> DataLoader[Batch]:
    generator = torch.Generator().manual_seed(0)
    made = [
        Batch(
            inputs={name: torch.randn(4, 1, 8, 8, generator=generator) for name in ("a", "b")},
            target=torch.randint(2, (4,), generator=generator),
            id=["x"] * 4,
        )
        for _ in range(3)
    ]
    return DataLoader(made, batch_size=None)  # type: ignore[arg-type]


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Trainer]:
    def make(*callbacks: Callback, **options: Any) -> Trainer:
        return quiet_trainer(*callbacks, default_root_dir=tmp_path / "run", **options)

    return make


def test_file_and_log_hold_what_others_read(
    module: IEMFModule,
    loader: DataLoader[Batch],
    make_trainer: Callable[..., Trainer],
    tmp_path: Path,
) -> None:
    (metrics,) = make_trainer(EnergyEstimator(samples=3)).test(module, loader, verbose=False)
    content = json.loads((tmp_path / "run" / "energy.json").read_text())
    assert set(content) == {
        "cost_model",
        "samples",
        "total",
        "parts",
        "layers",
        "ann_twin",
        "without_rule",
    }
    assert content["samples"] == 3
    assert set(content["total"]) == COUNTS
    assert set(content["parts"]) == {"a", "b", "fusion"}
    assert all(set(layer) == COUNTS | {"name", "part"} for layer in content["layers"])
    assert {f"test/energy/{name}" for name in SCALARS} <= set(metrics)
    assert metrics["test/energy/compute_uj"] == pytest.approx(content["total"]["compute_pj"] / 1e6)
    assert metrics["test/energy/ann_ratio"] == pytest.approx(content["ann_twin"]["ratio_compute"])


def test_metrics_rates_and_random_state_are_those_without_the_callback(
    module: IEMFModule, loader: DataLoader[Batch], make_trainer: Callable[..., Trainer]
) -> None:
    def run(*callbacks: Callback) -> tuple[dict[str, float], torch.Tensor]:
        torch.manual_seed(7)
        trainer = make_trainer(*callbacks, FiringRateMonitor())
        (metrics,) = trainer.test(module, loader, verbose=False)
        return {k: v for k, v in metrics.items() if "energy" not in k}, torch.rand(3)

    without, state = run()
    measured, state_measured = run(EnergyEstimator())
    assert measured == without
    assert torch.equal(state, state_measured)


def test_module_keeps_neurons_implementation_and_no_hooks(
    module: IEMFModule, loader: DataLoader[Batch], make_trainer: Callable[..., Trainer]
) -> None:
    make_trainer(EnergyEstimator()).test(module, loader, verbose=False)
    assert module.encoders["a"].neuron.implementation == "auto"
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_samples_are_taken_from_as_many_batches_as_asked(
    module: IEMFModule, loader: DataLoader[Batch], make_trainer: Callable[..., Trainer]
) -> None:
    estimator = EnergyEstimator(batches=2, samples=3)
    make_trainer(estimator).test(module, loader, verbose=False)
    assert estimator.report is not None
    assert estimator.report.samples == 6


def test_validation_is_measured_on_demand_and_not_in_the_sanity_check(
    module: IEMFModule, loader: DataLoader[Batch], make_trainer: Callable[..., Trainer]
) -> None:
    estimator = EnergyEstimator(stage="val", samples=1, ann_twin=False)
    trainer = make_trainer(estimator, max_epochs=1, num_sanity_val_steps=1)
    trainer.fit(module, loader, loader)
    assert estimator.report is not None
    assert estimator.report.samples == 1
    assert "val/energy/compute_uj" in trainer.callback_metrics
    assert "val/energy/ann_ratio" not in trainer.callback_metrics


def test_a_trial_run_writes_nothing(
    module: IEMFModule,
    loader: DataLoader[Batch],
    make_trainer: Callable[..., Trainer],
    tmp_path: Path,
) -> None:
    trainer = make_trainer(EnergyEstimator(samples=1), fast_dev_run=True)
    trainer.test(module, loader, verbose=False)
    assert "test/energy/compute_uj" in trainer.callback_metrics
    assert not (tmp_path / "run").exists()


def test_own_cost_model_is_named_in_the_report(
    module: IEMFModule, loader: DataLoader[Batch], make_trainer: Callable[..., Trainer]
) -> None:
    chip = CostModel("chip", mac_pj=2.0, ac_pj=1.0, memory_pj_per_byte=0.5)
    estimator = EnergyEstimator(chip, samples=1)
    make_trainer(estimator).test(module, loader, verbose=False)
    assert estimator.report is not None
    content = estimator.report.as_dict()
    assert content["cost_model"]["name"] == "chip"
    total = content["total"]
    assert total["compute_pj"] == pytest.approx(2 * total["mac"] + total["ac"])


@pytest.mark.parametrize("option", ["batches", "samples"])
def test_nothing_to_measure_is_refused(option: str) -> None:
    with pytest.raises(UserError, match=f"EnergyEstimator.{option}"):
        EnergyEstimator(**{option: 0})
