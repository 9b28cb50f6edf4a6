"""Accuracies by task and the scores of continual learning, over batches and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torchmetrics import Metric

from snn_mm.errors import UserError
from snn_mm.metrics.continual_scores import (
    Best,
    average_accuracy,
    average_forgetting,
    average_incremental_accuracy,
    continual_scores,
    forgetting,
)

__all__ = [
    "Best",
    "ContinualScores",
    "TaskAccuracies",
    "TaskAccuracyMatrix",
    "average_accuracy",
    "average_forgetting",
    "average_incremental_accuracy",
    "continual_scores",
    "forgetting",
]


def tasks_of(target: Tensor, sizes: Sequence[int]) -> Tensor:
    """Which task each class belongs to, `[N]` in int64, counted from 0.

    Args:
        target: classes `[N]`.
        sizes: number of classes of each task; classes are in the order of the tasks.

    Raises:
        ValueError: a class is of no task.
    """
    if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < sum(sizes):
        found = f"{int(target.min())} to {int(target.max())}"
        raise ValueError(f"classes {found}; the tasks have 0 to {sum(sizes) - 1}")
    ends = torch.tensor(list(accumulate(sizes)), device=target.device)
    return torch.bucketize(target, ends, right=True)


class _TaskCounts(Metric):
    """Correct and all samples by task, in integers: no order of batches or ranks changes them.

    Args:
        task_sizes: number of classes of each task; classes are in the order of the tasks.
        rows: leading shape of the counts.
    """

    is_differentiable = False
    full_state_update = False
    correct: Tensor
    total: Tensor

    def __init__(self, task_sizes: Sequence[int], *rows: int) -> None:
        super().__init__()
        if not task_sizes or min(task_sizes) < 1:
            raise UserError(f"task sizes are {list(task_sizes)}; each task has at least one class")
        self.task_sizes = tuple(task_sizes)
        for state in ("correct", "total"):
            zeros = torch.zeros(*rows, len(task_sizes), dtype=torch.int64)
            self.add_state(state, default=zeros, dist_reduce_fx="sum")

    def _counted(self, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Correct and all samples of each task `[K]`, of classes `[N]`."""
        if target.dim() != 1 or prediction.shape != target.shape:
            shapes = f"{list(prediction.shape)} and {list(target.shape)}"
            raise ValueError(f"predicted and true classes are [N], these are {shapes}")
        task = tasks_of(target, self.task_sizes)
        of_task = torch.arange(len(self.task_sizes), device=task.device) == task.unsqueeze(1)
        is_correct = (prediction == target).unsqueeze(1)  # [N, 1]
        return (of_task & is_correct).sum(dim=0), of_task.sum(dim=0)  # [N, K] -> [K] each


class TaskAccuracies(_TaskCounts):
    """Accuracy on the samples of each task, after one of them: a row of the matrix.

    Args:
        task_sizes: number of classes of each task; classes are in the order of the tasks.
    """

    higher_is_better = True

    def __init__(self, task_sizes: Sequence[int]) -> None:
        super().__init__(task_sizes)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count the samples of one batch.

        Args:
            prediction: predicted classes `[N]`.
            target: true classes `[N]`; a class says of which task a sample is.

        Raises:
            ValueError: they are not of one shape `[N]`, or a true class is of no task.
        """
        correct, total = self._counted(prediction, target)
        self.correct += correct
        self.total += total

    def compute(self) -> Tensor:
        """Accuracies in [0, 1], one a task, `[K]`; NaN of a task without samples."""
        return self.correct / self.total


class _TaskMatrix(_TaskCounts):
    """The counts of all rows.

    They are summed over the ranks, so they are no part of a checkpoint: restored on each rank they
    would count once more for each. Keep the computed matrix there instead.

    Args:
        task_sizes: number of classes of each task; classes are in the order of the tasks.
    """

    def __init__(self, task_sizes: Sequence[int]) -> None:
        super().__init__(task_sizes, len(task_sizes))

    def update(self, prediction: Tensor, target: Tensor, task: int) -> None:
        """Count the samples of one batch.

        Args:
            prediction: predicted classes `[N]`.
            target: true classes `[N]`; a class says of which task a sample is.
            task: the last task that the network has learned, counted from 0.

        Raises:
            ValueError: classes are not of one shape `[N]`, or one is of no task; so is `task`.
        """
        if not 0 <= task < len(self.task_sizes):
            raise ValueError(f"task {task}; there are 0 to {len(self.task_sizes) - 1}")
        correct, total = self._counted(prediction, target)
        self.correct[task] += correct
        self.total[task] += total


class TaskAccuracyMatrix(_TaskMatrix):
    """Accuracy on the samples of each task after each task, the matrix a."""

    def compute(self) -> Tensor:
        """Accuracies in [0, 1], `[K, K]`, a row a task; NaN where there are no samples."""
        return self.correct / self.total


class ContinualScores(_TaskMatrix):
    """The four scores of the tasks learned so far.

    Args:
        task_sizes: number of classes of each task; classes are in the order of the tasks.
        best: which accuracies the best one of an old task is taken over, see `Best`.
    """

    def __init__(self, task_sizes: Sequence[int], best: Best = "released") -> None:
        super().__init__(task_sizes)
        self.best = best

    def compute(self) -> dict[str, Tensor]:
        """Scalars by name after the last task that was tested, see `continual_scores`.

        Raises:
            ValueError: no task was tested, or not on every task up to it.
        """
        learned = int((self.total.sum(dim=1) > 0).sum())
        matrix = self.correct / self.total  # [K, K]
        return continual_scores(matrix[:learned, :learned], self.best)
