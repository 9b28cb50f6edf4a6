"""FLOPs of an epoch of the toy experiment, by hand.

The toy has 40 samples in 5 batches of 8, encoders 4 -> 6 (audio) and 4 -> 5 (visual) that run twice
a forward pass, a classifier 11 -> 2, and heads 6 -> 2 and 5 -> 2, over T = 2 steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from snn_mm.commands.analyse.epoch_cost import count_epoch, limited
from snn_mm.errors import UserError
from snn_mm.run import RunDirectory
from snn_mm.run.identity import DIRECTORY_VARIABLE

Train = Callable[..., RunDirectory]
N, T = 8, 2
ENCODERS = N * T * 4 * (6 + 5)
"""Multiply-accumulates of one pass; the backward pass has no gradient of the input."""
HEADS = N * T * 2 * (6 + 5)
"""Those of both heads; the classifier on both has as many."""
TRAINING = 2 * (2 * ENCODERS + 3 * 2 * HEADS)
"""FLOPs: forward, gradient of the weights, and of the features for classifier and heads."""


def test_operations_of_a_batch_and_an_epoch_by_hand(train: Train) -> None:
    counted = count_epoch(train("--trainer.max_epochs", "1").path)
    assert counted["flops_per_batch"] == TRAINING
    assert (counted["batches"], counted["samples"]) == (5, 40)
    assert counted["flops_outside_batches"] == 0
    assert counted["flops_per_epoch"] == 5 * TRAINING


def test_it_is_written_into_the_run_and_changes_nothing_else(train: Train) -> None:
    run = train("--trainer.max_epochs", "1")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    os.environ.pop(DIRECTORY_VARIABLE, None)
    counted = count_epoch(run.path)
    after = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    assert json.loads((run.path / "cost.json").read_text()) == counted
    assert after.keys() - before.keys() == {run.path / "cost.json"}
    assert all(after[path] == moment for path, moment in before.items())
    assert DIRECTORY_VARIABLE not in os.environ


def test_a_modulation_counts_before_its_window_begins(train: Train) -> None:
    callbacks = json.dumps([{"class_path": "AGM", "init_args": {"start_epoch": 50}}])
    flags = ("--trainer.max_epochs", "1", "--trainer.callbacks", callbacks)
    counted = count_epoch(train(*flags).path)
    # AGM asks for shared logits: the classifier on each modality alone.
    assert counted["flops_per_batch"] == TRAINING + 2 * HEADS


def test_half_of_the_batches_cost_half(train: Train) -> None:
    run = train("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "0.5")
    assert count_epoch(run.path)["batches"] == 2


@pytest.mark.parametrize(("limit", "batches"), [(None, 9), (1.0, 9), (0.5, 4), (3, 3), (20, 9)])
def test_limits_follow_lightning(limit: float | None, batches: int) -> None:
    assert limited(9, limit) == batches


def test_data_that_are_missing_are_named_with_the_run(train: Train) -> None:
    run = train("--trainer.max_epochs", "1")
    with pytest.raises(UserError, match=rf"{run.path} cannot be counted: .*missing"):
        count_epoch(run.path, data_root="missing")
    assert not (run.path / "cost.json").exists()
