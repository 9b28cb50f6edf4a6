"""Measurements that are kept in the directories of their runs, so that a second call goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from datamodules.store.source import sha256
from snn_mm.analysis.line_table import LineTable
from snn_mm.analysis.workers import Measures, Progress, RunPlace, measure_all
from snn_mm.config.restore import open_run
from snn_mm.run.directory import RunDirectory
from snn_mm.run.links import check_links
from snn_mm.run.lock import RunLock

Task = TypeVar("Task")
Result = TypeVar("Result")


class Settings(Protocol):
    """What decides numbers."""

    def name(self, checkpoint: str, /) -> str:
        """A file name that differs whenever the numbers may, given the digest of the weights."""
        ...


def kept_file(run: RunDirectory, folder: str, settings: Settings, suffix: str = ".jsonl") -> Path:
    """The file of a run's measurements; other settings or other weights have another file."""
    return run.path / folder / (settings.name(sha256(run.best)) + suffix)


@contextmanager
def held(place: RunPlace, folder: str) -> Iterator[RunDirectory]:
    """A run whose folder of measurements is there, and this process's alone.

    Raises:
        UserError: no run, no checkpoint, or another process measures it.
    """
    run = open_run(place.run)
    check_links(run.path)
    own = run.path / folder
    own.mkdir(exist_ok=True)
    lock = RunLock(RunDirectory(own))
    lock.acquire()
    try:
        yield run
    finally:
        lock.release()


def measure_planned(
    planned: Mapping[RunPlace, Sequence[Task]],
    open_table: Callable[[RunDirectory], LineTable[Task, Result]],
    make: Callable[[], Measures[tuple[RunPlace, Task], Result]],
    folder: str,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[Path, dict[Task, Result]]:
    """Measure what is missing of a plan, by directory of the run.

    Killed and started again it goes on, to the same numbers.

    Args:
        planned: what to measure of each run.
        open_table: the results of a run that are kept.
        make: makes what measures a task of a run.
        folder: of a run, where they are kept.
        jobs: processes.
        progress: told of every task.

    Raises:
        UserError: another process measures one of the runs.
    """
    with ExitStack() as stack:
        tables = {place: open_table(stack.enter_context(held(place, folder))) for place in planned}
        missing = [
            (place, task)
            for place, tasks in planned.items()
            for task in tasks
            if task not in tables[place].record
        ]
        total = sum(map(len, planned.values()))
        done = total - len(missing)
        for (place, task), value in measure_all(make, missing, jobs):
            tables[place].add(task, value)
            done += 1
            if progress is not None:
                progress(done, total)
        for place, tasks in planned.items():
            tables[place].finish(tasks)
    return {
        place.run: {task: tables[place].record[task] for task in tasks}
        for place, tasks in planned.items()
    }
