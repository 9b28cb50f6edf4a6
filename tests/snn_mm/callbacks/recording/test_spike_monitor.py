from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from spikingjelly.activation_based.monitor import OutputMonitor
from spikingjelly.activation_based.neuron import BaseNode
from torch.utils.data import DataLoader

from snn_mm.callbacks import (
    IEMF,
    EnergyEstimator,
    FactorTracker,
    FiringRateMonitor,
    SpikeMonitor,
)
from snn_mm.callbacks.recording.spike_counter import BINS
from snn_mm.callbacks.recording.spike_record import SpikeRecord
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

Loader = DataLoader[Batch]
LAYERS = ["neuron", "projection.2"]


class CrashInValidation(Callback):
    """Break off the training in the validation of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_validation_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        if trainer.current_epoch == self.epoch and not trainer.sanity_checking:
            raise RuntimeError


def keys(folder: Path) -> list[tuple[str, ...]]:
    rows = SpikeRecord(folder).table.rows()
    return [(row["epoch"], row["stage"], row["modality"], row["layer"]) for row in rows]


def validations(*epochs: int) -> list[tuple[str, ...]]:
    return [(str(epoch), "val", "a", layer) for epoch in epochs for layer in LAYERS]


def has_hooks(module: LightningModule) -> bool:
    return any(part._forward_hooks for part in module.modules())


def test_test_rates_equal_those_of_spikingjellys_monitor(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    module = copy.deepcopy(spiking_module)
    make_trainer(SpikeMonitor()).test(spiking_module, loader, verbose=False)
    monitor = OutputMonitor(module.eval(), BaseNode)
    for batch in loader:
        module(batch["inputs"])
    for row, name in zip(SpikeRecord(tmp_path).table.rows(), monitor.name_records_index):
        spikes = torch.cat(monitor[name], dim=1)  # [T, N, ...]
        assert float(row["rate"]) == pytest.approx(spikes.mean().item())
        assert float(row["silent"]) == (spikes.sum((0, 1)) == 0).double().mean().item()


def test_each_epoch_and_the_test_have_one_row_a_layer_and_ann_twins_none(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    trainer = make_trainer(SpikeMonitor())
    trainer.fit(spiking_module, loader, loader)
    (metrics,) = trainer.test(spiking_module, loader, verbose=False)
    tests = [("2", "test", "a", layer) for layer in LAYERS]
    assert keys(tmp_path) == [*validations(0, 1), *tests]
    assert {"test/silent_neurons/a", "test/saturated_neurons/a"} <= set(metrics)
    assert not has_hooks(spiking_module)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "firing_rate.png",
        "membrane.png",
    }


def test_histograms_count_every_sampled_membrane_and_need_no_pickle(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(SpikeMonitor(membrane_samples=3)).fit(spiking_module, loader, loader)
    with np.load(tmp_path / "spikes.npz", allow_pickle=False) as file:
        assert file["edges"].shape == (BINS + 1,)
        assert file["layer"].tolist() == [*LAYERS, *LAYERS]
        neurons = [4 * 8 * 8, 5]
        assert file["counts"].sum(1).tolist() == [n * (3 + 2 + 3) for n in [*neurons, *neurons]]


def test_every_n_epochs_measures_only_those(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    monitor = SpikeMonitor(every_n_epochs=2)
    make_trainer(monitor, max_epochs=4).fit(spiking_module, loader, loader)
    assert keys(tmp_path) == validations(1, 3)


def test_resumed_run_has_each_row_once_and_no_later_one(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    first = make_trainer(SpikeMonitor(), max_epochs=1)
    first.fit(spiking_module, loader, loader)
    first.save_checkpoint(tmp_path / "one.ckpt")
    for epochs in (3, 2):
        resumed = make_trainer(SpikeMonitor(), max_epochs=epochs)
        resumed.fit(spiking_module, loader, loader, ckpt_path=tmp_path / "one.ckpt")
        assert keys(tmp_path) == validations(*range(epochs))
    assert SpikeRecord(tmp_path).histograms()["epoch"].tolist() == [0, 0, 1, 1]


def test_a_crash_in_validation_leaves_no_hooks_and_no_half_measured_rows(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    trainer = make_trainer(SpikeMonitor(), CrashInValidation(1))
    with pytest.raises(RuntimeError):
        trainer.fit(spiking_module, loader, loader)
    assert not has_hooks(spiking_module)
    assert keys(tmp_path) == validations(0)


def test_a_later_test_is_of_its_checkpoints_epoch_and_replaces_the_one_before(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    first = make_trainer(SpikeMonitor(), max_epochs=1)
    first.fit(spiking_module, loader, loader)
    first.save_checkpoint(tmp_path / "one.ckpt")
    trainer = make_trainer(SpikeMonitor())
    trainer.fit(spiking_module, loader, loader, ckpt_path=tmp_path / "one.ckpt")
    trainer.test(spiking_module, loader, verbose=False)
    assert keys(tmp_path)[-1] == ("2", "test", "a", LAYERS[-1])
    later = make_trainer(SpikeMonitor())
    later.test(spiking_module, loader, ckpt_path=tmp_path / "one.ckpt", verbose=False)
    tests = [("1", "test", "a", layer) for layer in LAYERS]
    assert keys(tmp_path) == [*validations(0, 1), *tests]


def test_a_validation_on_its_own_leaves_the_record_alone(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(SpikeMonitor()).validate(spiking_module, loader, verbose=False)
    assert keys(tmp_path) == []


@pytest.mark.parametrize("inference_mode", [True, False])
def test_monitor_changes_no_weight(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, inference_mode: bool
) -> None:
    twin = copy.deepcopy(spiking_module)
    options = {"inference_mode": inference_mode}
    make_trainer(SpikeMonitor(), **options).fit(spiking_module, loader, loader)
    make_trainer(**options).fit(twin, loader, loader)
    theirs = twin.state_dict()
    for name, value in spiking_module.state_dict().items():
        assert torch.equal(value, theirs[name])


def test_trial_run_writes_nothing(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    trainer = make_trainer(SpikeMonitor(), fast_dev_run=True)
    trainer.fit(spiking_module, loader, loader)
    trainer.test(spiking_module, loader, verbose=False)
    assert not list(tmp_path.iterdir())


def test_impossible_options_are_refused() -> None:
    with pytest.raises(UserError, match="saturated_from"):
        SpikeMonitor(saturated_from=1.5)


@pytest.mark.usefixtures("no_sync_advice")
def test_what_callbacks_log_needs_no_advice_on_several_ranks(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader
) -> None:
    monitors = (SpikeMonitor(), FiringRateMonitor(), EnergyEstimator(samples=1))
    trainer = make_trainer(*monitors, IEMF(), FactorTracker(), max_epochs=1)
    trainer.fit(spiking_module, loader, loader)
    logged = set(trainer.callback_metrics)
    trainer.test(spiking_module, loader, verbose=False)
    logged |= set(trainer.callback_metrics)
    assert {"val/silent_neurons/a", "val/firing_rate/a", "test/energy/purity", "iemf/xi"} <= logged
