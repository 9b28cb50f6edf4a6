"""Accuracies by task, over batches and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics.by_group import GroupCounts


def tasks_of(target: Tensor, sizes: Sequence[int]) -> Tensor:
    """Which task each class belongs to, `[N]` in int64, counted from 0.

    Args:
        target: classes `[N]`.
        sizes: number of classes of each task; classes are in the order of the tasks.

    Raises:
        ValueError: a class is of no task.

    Example:
        >>> tasks_of(torch.tensor([0, 1, 2]), [2, 1])
        tensor([0, 0, 1])
    """
    if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < sum(sizes):
        found = f"{int(target.min())} to {int(target.max())}"
        raise ValueError(f"classes {found}; the tasks have 0 to {sum(sizes) - 1}")
    ends = torch.tensor(list(accumulate(sizes)), device=target.device)
    return torch.bucketize(target, ends, right=True)


class TaskAccuracies(GroupCounts):
    """Accuracy on the samples of each task, after one of them: a row of the matrix.

    Args:
        task_sizes: number of classes of each task; classes are in the order of the tasks.
    """

    def __init__(self, task_sizes: Sequence[int]) -> None:
        if not task_sizes or min(task_sizes) < 1:
            raise UserError(f"task sizes are {list(task_sizes)}; each task has at least one class")
        super().__init__(len(task_sizes))
        self.task_sizes = tuple(task_sizes)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count the samples of one batch.

        Args:
            prediction: predicted classes `[N]`.
            target: true classes `[N]`; a class says of which task a sample is.

        Raises:
            ValueError: they are not of one shape `[N]`, or a true class is of no task.
        """
        if target.dim() != 1 or prediction.shape != target.shape:
            shapes = f"{list(prediction.shape)} and {list(target.shape)}"
            raise ValueError(f"predicted and true classes are [N], these are {shapes}")
        self.count(prediction == target, tasks_of(target, self.task_sizes))

    def compute(self) -> Tensor:
        """Accuracies in [0, 1], one a task, `[K]`; NaN of a task without samples."""
        return self.right / self.total
