"""Accuracies by task over batches and ranks."""

from __future__ import annotations

import math

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.metrics.continual import TaskAccuracies

SIZES = (3, 1, 2)
TARGET = torch.tensor([0, 1, 2, 2, 3, 3, 4, 5])
PREDICTION = torch.tensor([0, 1, 2, 0, 3, 4, 5, 4])
ACCURACIES = [0.75, 0.5, 0.0]


def test_a_sample_counts_for_the_task_of_its_true_class() -> None:
    metric = TaskAccuracies(SIZES)
    for batch in (slice(0, 3), slice(3, 8)):
        metric.update(PREDICTION[batch], TARGET[batch])
    assert metric.compute().tolist() == ACCURACIES


@pytest.mark.parametrize("cut", [0, 3, 8])
def test_two_ranks_give_the_accuracies_of_the_union(cut: int) -> None:
    first, second = TaskAccuracies(SIZES), TaskAccuracies(SIZES)
    first.update(PREDICTION[:cut], TARGET[:cut])
    second.update(PREDICTION[cut:], TARGET[cut:])
    first.merge_state(second)
    assert first.compute().tolist() == ACCURACIES


def test_gathered_counts_are_added() -> None:
    metric = TaskAccuracies(SIZES)
    metric.update(PREDICTION, TARGET)
    metric.dist_sync_fn = lambda counts, group: [counts, torch.tensor([4, 0, 2])]
    metric.distributed_available_fn = lambda: True
    assert metric.compute().tolist() == [7 / 8, 1 / 2, 2 / 4]


def test_a_task_without_samples_has_no_accuracy() -> None:
    metric = TaskAccuracies(SIZES)
    metric.update(PREDICTION[:4], TARGET[:4])
    assert math.isnan(metric.compute()[1])


@pytest.mark.parametrize("wrong", [-1, 6])
def test_a_class_of_no_task_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="the tasks have 0 to 5"):
        TaskAccuracies(SIZES).update(torch.tensor([0]), torch.tensor([wrong]))


def test_logits_in_place_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"are \[N\]"):
        TaskAccuracies(SIZES).update(torch.randn(8, 6), TARGET)


@pytest.mark.parametrize("sizes", [(), (2, 0)])
def test_a_task_without_classes_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="at least one class"):
        TaskAccuracies(sizes)
