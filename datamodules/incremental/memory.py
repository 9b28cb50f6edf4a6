"""Which samples of earlier tasks are kept: exemplars."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from datamodules.incremental.tasks import TaskSequence
from datamodules.pairing import Rows, stream
from snn_mm.errors import UserError


def check_memory(memory: int, tasks: TaskSequence) -> None:
    """Refuse a memory that could not hold one exemplar of each class in the last task.

    Raises:
        UserError: says how many exemplars are needed at least.
    """
    stored = tasks.num_classes - tasks.classes_per_task
    if memory and memory < stored:
        raise UserError(
            f"memory is {memory}, less than one exemplar for each of the {stored} classes that are "
            f"kept in the last task; accepted are 0 (no memory) and {stored} or more."
        )


def exemplar_rows(
    labels: NDArray[np.int64], classes: Iterable[int], per_class: int, seed: int
) -> Rows:
    """Choose the samples of each class that a memory keeps.

    They are the first of a permutation that depends on `(seed, class)` alone. When later tasks
    leave fewer places, the prefix gets shorter: exemplars are drawn once and then dropped from the
    end, as the released code of AV-CIL does, without any state that a resumed run would need.

    Args:
        labels: classes of the training samples, `[n]`.
        classes: those kept.
        per_class: how many samples of each; a class with fewer keeps all of them.
        seed: decides the choice.

    Returns:
        Rows into `labels`, class by class.
    """
    chosen = [
        stream(seed, "exemplars", label).permutation(np.flatnonzero(labels == label))[:per_class]
        for label in classes
    ]
    return np.concatenate([np.zeros(0, np.int64), *chosen])
