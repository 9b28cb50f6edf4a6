"""Which classes and epochs belong to which task."""

from __future__ import annotations

import pytest

from datamodules.incremental import TaskSequence
from snn_mm.errors import UserError


def test_tasks_cut_the_classes_in_ascending_order() -> None:
    tasks = TaskSequence(num_classes=28, classes_per_task=7, epochs_per_task=3)
    assert tasks.num_tasks == 4
    assert [list(tasks.classes(k)) for k in range(4)] == [
        list(range(7 * k, 7 * k + 7)) for k in range(4)
    ]
    assert tasks.seen(2) == range(21)


def test_epochs_belong_to_tasks_in_turn_and_the_last_task_keeps_those_beyond() -> None:
    tasks = TaskSequence(6, 2, 3)
    assert [tasks.of_epoch(epoch) for epoch in range(11)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((28, 5, 1), r"classes_per_task is 5, .* 28 classes; accepted are 1, 2, 4, 7, 14, 28"),
        ((6, 0, 1), "classes_per_task is 0"),
        ((6, 2, 0), "epochs_per_task is 0; accepted: 1"),
    ],
)
def test_sizes_that_make_no_tasks_are_refused(sizes: tuple[int, int, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TaskSequence(*sizes)


@pytest.mark.parametrize("task", [-1, 3])
def test_a_task_beyond_the_last_is_refused(task: int) -> None:
    with pytest.raises(UserError, match="accepted are 0 to 2"):
        TaskSequence(6, 2, 1).classes(task)
