"""Measurements in parallel: every worker holds its own copy of what is measured."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from snn_mm.errors import UserError
from snn_mm.run.processor import one_thread
from snn_mm.run.stop_request import interrupts_held

Task = TypeVar("Task")
Value = TypeVar("Value")
Asked = TypeVar("Asked", contravariant=True)
Found = TypeVar("Found", covariant=True)

Progress = Callable[[int, int], None]
"""Told how many measurements are done, of how many."""


@dataclass(frozen=True)
class RunPlace:
    """Where a run and its data are, and where its network computes.

    Attributes:
        run: directory of the run.
        device: such as `cpu` or `cuda`.
        data_root: instead of `data.root` of the run's config.
    """

    run: Path
    device: str = "cpu"
    data_root: str | None = None


class Measures(Protocol[Asked, Found]):
    """What a worker measures with."""

    def measure(self, task: Asked, /) -> Found:
        """The value of one task."""
        ...


_probe: Measures[Any, Any] | UserError | None = None
"""What a worker process measures with, made once when it starts; or why it can't be made."""


def measure_all(
    make: Callable[[], Measures[Task, Value]], tasks: Sequence[Task], jobs: int
) -> Iterator[tuple[Task, Value]]:
    """Tasks and their values, as they are done.

    Sums of floating-point numbers depend on how many threads share them, so every process computes
    with one: the numbers are the same for any `jobs`.

    Args:
        make: makes what measures; for several jobs it, tasks and values must be picklable.
        tasks: what to measure.
        jobs: processes; 1 computes in this one.

    Raises:
        UserError: what measures can't be made, in whichever process.
    """
    if jobs <= 1 or len(tasks) <= 1:
        with one_thread():
            probe = make() if tasks else None
            for task in tasks:
                if probe is not None:
                    yield task, probe.measure(task)
        return
    # Spawned, not forked: a fork of a process in which torch has started threads may hang.
    context = multiprocessing.get_context("spawn")
    workers = min(jobs, len(tasks))
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(make,))
    try:
        with interrupts_held():
            pending = {pool.submit(_measure, task): task for task in tasks}
        for future in as_completed(pending):
            yield pending.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start(make: Callable[[], Measures[Any, Any]]) -> None:
    global _probe
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        _probe = make()
    except UserError as error:  # raised here, the pool would print it with a traceback, and break
        _probe = error


def _end_with_parent() -> None:
    """A killed parent can't stop its workers; without this they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measure(task: Any) -> Any:
    if _probe is None:
        raise RuntimeError("the worker was not started")
    if isinstance(_probe, UserError):
        raise _probe
    return _probe.measure(task)
