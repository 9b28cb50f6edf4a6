"""Which classes and epochs belong to which task."""

from __future__ import annotations

from dataclasses import dataclass

from snn_mm.errors import UserError, check_range


@dataclass(frozen=True)
class TaskSequence:
    """Classes 0 to K - 1 in ascending order, cut into tasks of equal size.

    Attributes:
        num_classes: K.
        classes_per_task: how many classes each task adds.
        epochs_per_task: how many epochs each task lasts.
    """

    num_classes: int
    classes_per_task: int
    epochs_per_task: int

    def __post_init__(self) -> None:
        check_range("epochs_per_task", self.epochs_per_task, 1)
        if self.classes_per_task < 1 or self.num_classes % self.classes_per_task:
            divisors = [n for n in range(1, self.num_classes + 1) if self.num_classes % n == 0]
            raise UserError(
                f"classes_per_task is {self.classes_per_task}, which does not divide "
                f"{self.num_classes} classes; accepted are {', '.join(map(str, divisors))}."
            )

    @property
    def num_tasks(self) -> int:
        """Number of tasks."""
        return self.num_classes // self.classes_per_task

    def classes(self, task: int) -> range:
        """The classes that a task adds.

        Raises:
            UserError: there is no such task.
        """
        if not 0 <= task < self.num_tasks:
            raise UserError(f"task is {task}; accepted are 0 to {self.num_tasks - 1}.")
        return range(task * self.classes_per_task, (task + 1) * self.classes_per_task)

    def seen(self, task: int) -> range:
        """The classes of a task and of those before it."""
        return range(self.classes(task).stop)

    def of_epoch(self, epoch: int) -> int:
        """The task that an epoch belongs to; epochs beyond the last task belong to it."""
        return min(epoch // self.epochs_per_task, self.num_tasks - 1)
