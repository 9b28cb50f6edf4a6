"""Digits in tasks as configs of earlier runs name them: the keys of tasks and data in one place."""

from __future__ import annotations

from typing import Any

from datamodules.digits.digits_av import DigitsAV
from datamodules.digits.spoken_digits_events import SpokenDigitsEvents
from datamodules.incremental.module import TaskProtocol
from datamodules.incremental.scenario import IncrementalScenario


def IncrementalDigits(  # noqa: N802 - it was a class
    classes_per_task: int = 2,
    epochs_per_task: int = 5,
    memory: int = 0,
    exemplar_batch: int = 32,
    protocol: TaskProtocol = "incremental",
    **digits: Any,
) -> IncrementalScenario:
    """`SpokenDigitsEvents` as 5 tasks of 2 digits."""
    tasks = (classes_per_task, epochs_per_task, memory, exemplar_batch, protocol)
    return _named("IncrementalDigits")(SpokenDigitsEvents(**digits), *tasks)


def IncrementalDigitsAV(  # noqa: N802 - it was a class
    classes_per_task: int = 2,
    epochs_per_task: int = 5,
    memory: int = 0,
    exemplar_batch: int = 32,
    protocol: TaskProtocol = "incremental",
    **digits: Any,
) -> IncrementalScenario:
    """`DigitsAV` as 5 tasks of 2 digits."""
    tasks = (classes_per_task, epochs_per_task, memory, exemplar_batch, protocol)
    return _named("IncrementalDigitsAV")(DigitsAV(**digits), *tasks)


def _named(name: str) -> type[IncrementalScenario]:
    """A scenario whose class has the name under which checkpoints hold its state."""
    return type(name, (IncrementalScenario,), {})
