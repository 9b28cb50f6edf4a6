"""Lightning's callbacks, as people add them from YAML: each trains or is refused in a few lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch import callbacks

from snn_mm.cli import main
from snn_mm.run import RunDirectory
from snn_mm.run.metrics_file import read_rows

Fails = Callable[..., str]

RUN: dict[str, dict[str, Any]] = {
    "EMAWeightAveraging": {"decay": 0.9},
    "GradientAccumulationScheduler": {"scheduling": {1: 2}},
    "ModelPruning": {"pruning_fn": "l1_unstructured", "amount": 0.5},
    "RichProgressBar": {},
    "StochasticWeightAveraging": {"swa_lrs": 0.01},
    "TQDMProgressBar": {},
    "WeightAveraging": {},
}
WATCH: dict[str, dict[str, Any]] = {
    "DeviceStatsMonitor": {"cpu_stats": False},
    "EarlyStopping": {"monitor": "val/loss"},
    "LambdaCallback": {},
    "LearningRateMonitor": {},
    "ModelCheckpoint": {"monitor": "val/loss"},
    "ModelSummary": {},
    "OnExceptionCheckpoint": {"dirpath": "."},
    "RichModelSummary": {},
    "ThroughputMonitor": {"batch_size_fn": "builtins.len"},
    "Timer": {"duration": "00:00:05:00"},
}
"""Those that leave the training alone."""
REFUSED = {
    "BackboneFinetuning": "needs a model with a backbone, IEMFModule has none",
    "BatchSizeFinder": "another batch size than config.yaml records",
    "LearningRateFinder": "another learning rate than config.yaml records",
    "SpikeDetection": "can't read back the state",
}
"""And why."""

NO_CHOICE = {"BaseFinetuning", "BasePredictionWriter", "Callback", "Checkpoint", "ProgressBar"}

EPOCHS = ("--trainer.max_epochs", "2", "--trainer.limit_train_batches", "3")


@pytest.fixture
def spiking_config(toy_config: Path, tmp_path: Path) -> Callable[..., Path]:
    """The toy with neurons and some callbacks, as a file."""

    def write(**given: dict[str, Any]) -> Path:
        config = yaml.safe_load(toy_config.read_text())
        config["model"]["init_args"]["encoders"]["audio"] = "toy_experiment.ToySpikes"
        entries = [{"class_path": name, "init_args": options} for name, options in given.items()]
        config["trainer"]["callbacks"] = ["IEMF", *entries]
        path = tmp_path / "spiking.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return write


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunDirectory]:
    """Train and test a config to the end."""
    monkeypatch.chdir(tmp_path)

    def run(config: Path, *flags: str, run_id: str = "a") -> RunDirectory:
        place = ("--run.root", str(tmp_path), "--run.name", "toy", "--run.id", run_id)
        assert main(["fit", "--config", str(config), *place, *EPOCHS, *flags]) == 0
        return RunDirectory(tmp_path / "toy" / run_id)

    return run


def test_every_callback_of_lightning_is_tried() -> None:
    assert {*RUN, *WATCH, *REFUSED, *NO_CHOICE} == set(callbacks.__all__)


@pytest.mark.parametrize(
    "given", [*({name: options} for name, options in RUN.items()), WATCH], ids=[*RUN, "watching"]
)
def test_a_callback_runs_to_the_end_of_the_test(
    given: dict[str, Any],
    spiking_config: Callable[..., Path],
    fit: Callable[..., RunDirectory],
) -> None:
    run = fit(spiking_config(**given))
    results = json.loads(run.results.read_text())
    assert (results["status"], results["error"]) == ("finished", None)
    assert results["epochs"] >= 2  # stochastic weight averaging adds one for batch norm
    assert 0 <= results["test"]["test/accuracy/fused"] <= 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_that_fits_no_run_is_refused(
    name: str, spiking_config: Callable[..., Path], fails: Fails
) -> None:
    message = fails("fit", "--config", str(spiking_config(**{name: {}})))
    assert f"trainer.callbacks: {name} is refused" in message
    assert REFUSED[name] in message


def test_what_lightning_takes_by_default_is_saved_so_that_it_can_be_read_again(
    spiking_config: Callable[..., Path], fit: Callable[..., RunDirectory]
) -> None:
    """An enumeration, a device, text that may name a function, and a surrogate of a neuron."""
    names = ("Timer", "StochasticWeightAveraging", "ModelPruning")
    psn = "--model.encoders.audio.neuron=spikingjelly.activation_based.neuron.PSN"
    config = spiking_config(**{name: (RUN | WATCH)[name] for name in names})
    run = fit(config, psn, "--model.encoders.audio.neuron.T=2")
    assert "Unable to serialize" not in run.config.read_text()
    again = fit(run.config, run_id="b")
    assert again.metrics.read_bytes() == run.metrics.read_bytes()
    assert main(["test", "--ckpt_path", str(run.path)]) == 0


def test_module_and_trainer_can_be_copied_after_a_step_and_in_the_test(
    spiking_config: Callable[..., Path], fit: Callable[..., RunDirectory]
) -> None:
    modulated = {"LFM": {"form": "official"}, "toy_experiment.CopyAll": {}}  # LFM knows the trainer
    run = fit(spiking_config(**modulated))
    assert json.loads(run.results.read_text())["status"] == "finished"


PLATEAU = ("--model.lr_scheduler", "torch.optim.lr_scheduler.ReduceLROnPlateau")


def test_a_schedule_that_watches_validation_follows_its_interval(
    toy_config: Path, fit: Callable[..., RunDirectory]
) -> None:
    patience = ("--model.lr_scheduler.patience", "0", "--model.lr_scheduler.threshold", "10")
    every_second = ("--trainer.check_val_every_n_epoch", "2", "--trainer.max_epochs", "4")
    monitor = ("--trainer.callbacks+", "LearningRateMonitor")
    run = fit(toy_config, *PLATEAU, *patience, *every_second, *monitor)
    rates = [row["lr-SGD"] for row in read_rows(run.metrics) if row.get("lr-SGD")]
    assert json.loads(run.results.read_text())["epochs"] == 4
    assert rates == ["0.005", "0.005", "0.0005", "0.0005"]  # nothing is better by 1,000 %


NO_VALIDATION = {
    "steps": ("--model.lr_scheduler_interval", "step"),
    "none": ("--trainer.limit_val_batches", "0"),
    "by batches": (
        "--trainer.check_val_every_n_epoch",
        "null",
        "--trainer.val_check_interval",
        "7",
    ),
}


@pytest.mark.parametrize("flags", NO_VALIDATION.values(), ids=NO_VALIDATION)
def test_a_schedule_that_watches_what_no_epoch_has_is_refused(
    flags: tuple[str, ...], toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    place = ("--run.root", str(tmp_path))
    message = fails("fit", "--config", str(toy_config), *place, *PLATEAU, *flags)
    assert "model.lr_scheduler: ReduceLROnPlateau watches" in message
