"""A data set in tasks: its own samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning import LightningDataModule
from lightning.pytorch.cli import LightningArgumentParser

from datamodules.base import SPLITS, LoaderOptions
from datamodules.digits.digits_av import DigitsAV
from datamodules.digits.spoken_digits_events import SpokenDigitsEvents
from datamodules.incremental.scenario import IncrementalScenario


@pytest.fixture
def digits(tmp_path: Path, fsdd_dir: Path, nmnist_dir: Path) -> IncrementalScenario:
    """Tiny FSDD and N-MNIST in tasks."""
    data = SpokenDigitsEvents(str(tmp_path), val_fraction=0.25, loader=LoaderOptions(7))
    return IncrementalScenario(data, classes_per_task=2, memory=16, exemplar_batch=3)


def test_samples_and_splits_are_those_of_the_data_set(
    digits: IncrementalScenario, tmp_path: Path
) -> None:
    plain = SpokenDigitsEvents(str(tmp_path), val_fraction=0.25)
    for name in SPLITS:
        assert digits.split(name).digest() == plain.split(name).digest()
    assert digits.modalities == plain.modalities
    assert digits.num_tasks == 5
    assert digits.fingerprint() != plain.fingerprint()


def test_a_task_adds_two_digits_and_replays_the_earlier_ones(digits: IncrementalScenario) -> None:
    digits.task = 3
    for batch in digits.train_dataloader():
        target = batch["target"].tolist()
        assert set(target[:-3]) <= {6, 7}
        assert set(target[-3:]) <= set(range(6))
        assert batch["inputs"]["events"].shape[1:] == (4, 2, 34, 34)
    assert {k for b in digits.test_dataloader() for k in b["target"].tolist()} == set(range(8))


def test_root_seed_and_options_are_those_of_the_data_set(tmp_path: Path) -> None:
    data = DigitsAV(str(tmp_path), seed=3, test_fraction=0.3)
    digits = IncrementalScenario(data, classes_per_task=5)
    assert digits.num_tasks == 2
    assert (digits.seed, digits.root) == (3, str(tmp_path))
    assert digits.step_seconds == {"audio": 0.025}  # 200 samples at 8 kHz
    assert digits.content_options()["fractions"] == (0.1, 0.3)
    assert digits.content_options()["classes_per_task"] == 5


def test_a_config_of_an_earlier_run_makes_the_same_tasks(
    digits: IncrementalScenario, tmp_path: Path
) -> None:
    own = {"root": str(tmp_path), "val_fraction": 0.25, "loader": {"batch_size": 7}}
    tasks = {"memory": 16, "exemplar_batch": 3, "epochs_per_task": 100}
    former = {"class_path": "datamodules.IncrementalDigits", "init_args": {**own, **tasks}}
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True)
    made = parser.instantiate_classes(parser.parse_object({"data": former})).data
    assert made.fingerprint() == digits.fingerprint()
    assert type(made).__qualname__ == "IncrementalDigits"  # what checkpoints hold its state under
