"""Accuracies by task over batches and ranks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics.continual import (
    ContinualScores,
    TaskAccuracies,
    TaskAccuracyMatrix,
    average_forgetting,
    average_incremental_accuracy,
)

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


def filled(metric: TaskAccuracyMatrix, tasks: int) -> Tensor:
    """What a metric must give after some tasks of random predictions, counted in loops."""
    matrix = torch.full((3, 3), torch.nan)
    for task in range(tasks):
        target = torch.arange(sum(SIZES[: task + 1])).repeat_interleave(20)
        prediction = torch.randint(6, target.shape)
        for part in torch.arange(len(target)).split(16):
            metric.update(prediction[part], target[part], task)
        start = 0
        for column, size in enumerate(SIZES[: task + 1]):
            inside = [i for i, c in enumerate(target.tolist()) if start <= c < start + size]
            hits = sum(bool(prediction[i] == target[i]) for i in inside)
            matrix[task, column], start = hits / len(inside), start + size
    return matrix


def test_the_matrix_has_a_row_for_each_task() -> None:
    metric = TaskAccuracyMatrix(SIZES)
    expected = filled(metric, 2)
    torch.testing.assert_close(metric.compute(), expected, equal_nan=True)


def test_a_row_of_no_task_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 0 to 2"):
        TaskAccuracyMatrix(SIZES).update(PREDICTION, TARGET, 3)


def test_scores_are_those_of_the_tasks_so_far() -> None:
    metric = ContinualScores(SIZES)
    matrix = filled(metric, 2)[:2, :2]
    scores = {name: float(value) for name, value in metric.compute().items()}
    assert scores == {
        "average_accuracy": pytest.approx(float(matrix[1].mean())),
        "average_incremental_accuracy": pytest.approx(float(average_incremental_accuracy(matrix))),
        "forgetting": pytest.approx(float(matrix[0, 0] - matrix[1, 0])),
        "average_forgetting": pytest.approx(float(average_forgetting(matrix))),
    }


def test_the_first_task_is_not_forgotten() -> None:
    metric = ContinualScores(SIZES)
    filled(metric, 1)
    assert math.isnan(metric.compute()["forgetting"])


def test_the_reading_of_the_best_accuracy_is_that_of_the_metric() -> None:
    metric = ContinualScores((1, 1), best="ever")
    wrong, right, target = torch.tensor([[1, 1], [0, 1], [0, 1]])
    metric.update(wrong[:1], target[:1], 0)
    metric.update(right, target, 1)
    assert metric.compute()["average_forgetting"].item() == 0.0
