import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningModule

from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.callbacks.recording.run_record import RunRecord, plain, plain_metrics
from snn_mm.run.directory import RunDirectory, read_json

NET = LightningModule()


def trainer(is_global_zero: bool = True, **metrics: float) -> Any:
    return SimpleNamespace(
        is_global_zero=is_global_zero,
        callback_metrics={
            name.replace("_", "/"): torch.tensor(value) for name, value in metrics.items()
        },
        current_epoch=0,
        global_step=5,
        loggers=[],
        accelerator=object(),
        world_size=1,
        datamodule=SimpleNamespace(fingerprint=lambda: "abc"),
    )


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    run = RunDirectory(tmp_path / "toy" / "a")
    return RunRecord(run, "seed_everything: 0\n", BestCheckpoint(), {"seed": 0})


def begin(record: RunRecord, **options: Any) -> None:
    record.setup(trainer(**options), None, "fit")  # type: ignore[arg-type]


def test_a_run_is_on_record_before_its_first_step(record: RunRecord) -> None:
    begin(record)
    assert record.run.config.read_text() == "seed_everything: 0\n"
    assert read_json(record.run.results)["status"] == "running"
    assert read_json(record.run.environment)["data"] == "abc"


def test_only_rank_zero_writes(record: RunRecord) -> None:
    begin(record, is_global_zero=False)
    record.close(status="finished")
    assert not record.run.path.exists()


def test_the_validation_of_the_best_epoch_is_kept(record: RunRecord) -> None:
    begin(record)
    for loss, score in ((3.0, 0.5), (2.0, 0.7), (1.0, 0.7)):
        record.best.best_model_path, record.best.best_model_score = "best", torch.tensor(score)
        record.on_train_epoch_end(trainer(val_loss=loss), NET)
    results = read_json(record.run.results)
    assert results["best"]["validation"] == {"val/loss": 2.0}
    assert results["validation"] == {"val/loss": 1.0}


def test_a_resumed_run_keeps_what_it_knew_of_the_best_and_its_time(record: RunRecord) -> None:
    state = {"best": {"score": 0.5}, "train_seconds": 60.0, "diverged_in": 2}
    record.load_state_dict(state)
    assert record.state_dict() == {
        **state,
        "config": record.config,
        "circumstances": {},
        "deviations": [],
    }


def test_a_second_attempt_keeps_the_description_of_the_first(record: RunRecord) -> None:
    begin(record)
    record.close(status="failed", error="power cut")
    begin(record)
    environment = read_json(record.run.environment)
    assert [attempt["seed"] for attempt in environment["earlier_attempts"]] == [0]
    assert read_json(record.run.results)["error"] is None


def test_results_are_valid_json_with_metrics_that_are_no_numbers(record: RunRecord) -> None:
    begin(record)
    record.on_train_epoch_end(trainer(val_loss=float("nan")), NET)
    assert json.loads(record.run.results.read_text())["validation"] == {"val/loss": None}


@pytest.mark.parametrize(
    ("losses", "status"),
    [
        ([1.0, 1.0], "finished"),
        ([float("inf"), 1.0], "finished"),
        ([1.0, float("nan")], "diverged"),
    ],
)
def test_a_run_diverged_if_its_last_loss_is_no_number(
    record: RunRecord, losses: list[float], status: str
) -> None:
    begin(record)
    for loss in losses:
        outputs = {"loss": torch.tensor(loss)}
        record.on_train_batch_end(trainer(), NET, outputs, None, 0)
        record.on_train_epoch_end(trainer(), NET)
    record.on_fit_end(trainer(), NET)
    record.load_state_dict({"best": {}, "train_seconds": 0.0})  # as a test of best.ckpt does
    assert record.outcome["status"] == status


def test_numbers_become_plain() -> None:
    assert (plain(torch.tensor(0.5)), plain(float("inf")), plain(None)) == (0.5, None, None)
    metrics = plain_metrics({"b": torch.tensor(1.0), "a": torch.tensor(2.0)})
    assert list(metrics.items()) == [("a", 2.0), ("b", 1.0)]


def test_a_copy_leaves_the_directory_to_the_original(record: RunRecord) -> None:
    begin(record)
    copied = deepcopy(record)
    copied.close(status="finished")
    assert read_json(record.run.results)["status"] == "running"
    record.close(status="failed")
    assert read_json(record.run.results)["status"] == "failed"
