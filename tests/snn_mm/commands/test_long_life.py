"""Days of training in one process, and a run that is gone on with again and again."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.cli import main
from snn_mm.run import RunDirectory
from snn_mm.run.directory import read_json

Train = Callable[..., RunDirectory]
STEPS_AN_EPOCH = 20
EPOCHS = 500
WARM = 100
"""Epochs until caches are full."""
RESUMES = 50


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
def test_memory_and_files_stay_as_they_are_over_ten_thousand_steps(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[int, int]] = []
    epoch_end = RunRecord.on_train_epoch_end

    def look(record: RunRecord, trainer: Any, module: Any) -> None:
        epoch_end(record, trainer, module)
        if trainer.current_epoch % WARM == WARM - 1:
            if not tracemalloc.is_tracing():
                tracemalloc.start()
            gc.collect()
            held.append((tracemalloc.get_traced_memory()[0], resident()))

    monkeypatch.setattr(RunRecord, "on_train_epoch_end", look)
    run = train("--data.batch_size", "2", "--trainer.max_epochs", str(EPOCHS))
    tracemalloc.stop()
    assert read_json(run.results)["steps"] == EPOCHS * STEPS_AN_EPOCH
    traced, in_memory = zip(*held)
    assert traced[-1] - traced[1] < 200_000, held  # 25 bytes a step
    assert in_memory[-1] - in_memory[1] < 16_000_000, held
    rows = run.metrics.read_text().count("\n") - 1
    assert rows < 3 * EPOCHS + EPOCHS * STEPS_AN_EPOCH // 10
    assert len(run.environment.read_bytes()) + len(run.results.read_bytes()) < 20_000
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.slow
def test_a_run_resumed_fifty_times_is_the_run_in_one_piece(train: Train) -> None:
    whole = train("--trainer.max_epochs", str(RESUMES), run_id="whole")
    parts = train("--trainer.max_epochs", "1", run_id="parts")
    for epochs in range(2, RESUMES + 1):
        assert main(["fit", "--resume", str(parts.path), "--trainer.max_epochs", str(epochs)]) == 0
    assert parts.metrics.read_bytes() == whole.metrics.read_bytes()
    first, second = (torch.load(run.last, weights_only=True) for run in (whole, parts))
    for name, value in first["state_dict"].items():
        assert torch.equal(second["state_dict"][name], value)
    assert len(read_json(parts.environment)["earlier_attempts"]) == RESUMES - 1
    assert read_json(parts.results)["deviations"] == []
