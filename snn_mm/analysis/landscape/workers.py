"""Points in parallel: every worker holds its own copy of the network and the same samples."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch

from snn_mm.analysis.landscape.probe import Cut, Value
from snn_mm.analysis.landscape.settings import Point
from snn_mm.errors import UserError
from snn_mm.run.processor import one_thread
from snn_mm.run.stop_request import interrupts_held

MakeCut = Callable[[], Cut]
Results = Iterator[tuple[Point, Value]]

_cut: Cut | UserError | None = None
"""What a worker process moves, made once when it starts; or why it can't be made."""


def measure_points(make_cut: MakeCut, points: list[Point], jobs: int) -> Results:
    """Loss and accuracy of points, as they are done.

    Sums of floating-point numbers depend on how many threads share them, so every process computes
    with one: the numbers are the same for any `jobs`.

    Args:
        make_cut: makes what is moved; for several jobs it must be picklable.
        points: those to measure.
        jobs: processes; 1 computes in this one.

    Raises:
        UserError: what is moved can't be made, in whichever process.
    """
    if jobs <= 1 or len(points) <= 1:
        with one_thread():
            cut = make_cut()
            for point in points:
                yield point, cut.measure(point)
        return
    # Spawned, not forked: a fork of a process in which torch has started threads may hang.
    context = multiprocessing.get_context("spawn")
    workers = min(jobs, len(points))
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(make_cut,))
    try:
        with interrupts_held():
            pending = {pool.submit(_measure, point): point for point in points}
        for future in as_completed(pending):
            yield pending.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start(make_cut: MakeCut) -> None:
    global _cut
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        _cut = make_cut()
    except UserError as error:  # raised here, the pool would print it with a traceback, and break
        _cut = error


def _end_with_parent() -> None:
    """A killed parent can't stop its workers; without this they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measure(point: Point) -> Value:
    if _cut is None:
        raise RuntimeError("the worker was not started")
    if isinstance(_cut, UserError):
        raise _cut
    return _cut.measure(point)
