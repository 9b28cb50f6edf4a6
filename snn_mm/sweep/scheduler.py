"""Runs the cells of a sweep, some at a time, and stops them with the sweep."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from snn_mm.errors import UserError
from snn_mm.run.identity import DIRECTORY_VARIABLE
from snn_mm.sweep.attempt import Attempt
from snn_mm.sweep.cells import SweepCell
from snn_mm.sweep.launch import Launch
from snn_mm.sweep.progress import Progress

POLL_SECONDS = 0.1
GRACE_SECONDS = 30.0
USER_MISTAKE = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEVICES = "CUDA_VISIBLE_DEVICES"
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


class Scheduler:
    """Start cells in order, at most `jobs` at a time.

    Args:
        cells: what is left to do.
        launch: how runs are started.
        jobs: how many run at a time.
        progress: what tells the user.
    """

    def __init__(
        self, cells: Sequence[SweepCell], launch: Launch, jobs: int, progress: Progress
    ) -> None:
        self.launch = launch
        self.jobs = jobs
        self.progress = progress
        self.failures: list[SweepCell] = []
        self.signals: list[int] = []
        self._waiting = deque(cells)
        self._active: dict[int, Attempt] = {}

    def run(self) -> None:
        """Run every cell, unless a signal or a user's mistake ends the sweep before.

        Raises:
            UserError: a run ended in a user's mistake before any had finished; all would.
        """
        with self._watch_signals():
            try:
                while (self._waiting or self._active) and not self.signals:
                    self._fill()
                    time.sleep(POLL_SECONDS)
                    self._collect()
            finally:
                self._stop_all()

    def _fill(self) -> None:
        for slot in range(self.jobs):
            if self._waiting and slot not in self._active:
                cell = self._waiting.popleft()
                environment = child_environment(dict(os.environ), slot, self.jobs)
                attempt = self._active[slot] = Attempt(cell, self.launch, environment)
                self.progress.started(cell, is_own=attempt.is_own or cell.is_over)

    def _collect(self) -> None:
        for slot, attempt in list(self._active.items()):
            if not attempt.is_running():
                del self._active[slot]
                self._close(attempt)

    def _close(self, attempt: Attempt) -> None:
        cell = attempt.cell
        if cell.is_over and attempt.code == 0:
            self.progress.ended(cell, attempt.seconds if attempt.is_own else None)
        elif not attempt.is_own:
            self._waiting.appendleft(cell)  # another sweep's process ended half-way: our turn
        elif attempt.code == USER_MISTAKE and self.progress.done == 0:
            raise UserError(f"{cell.run.run_id}: {attempt.error()}")
        else:
            self.failures.append(cell)
            self.progress.failed(cell, attempt.error())

    def _stop_all(self) -> None:
        """End what still runs: SIGTERM lets a run note where it stands; then SIGKILL."""
        if self._active and self.signals:
            self.progress.note("stopping; runs go on from their last epoch when started again")
        for attempt in self._active.values():
            attempt.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        own = [attempt for attempt in self._active.values() if attempt.is_own]
        while any(attempt.is_running() for attempt in own):
            if time.monotonic() > deadline or len(self.signals) > 1:
                for attempt in own:
                    attempt.stop(signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _watch_signals(self) -> Iterator[None]:
        def note(number: int, _frame: FrameType | None) -> None:
            self.signals.append(number)

        before = {number: signal.signal(number, note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def child_environment(environment: dict[str, str], slot: int, jobs: int) -> dict[str, str]:
    """The environment of a run: parallel runs share the cores, and take turns on the devices.

    Args:
        environment: that of the sweep; what it says of threads stays.
        slot: which of the parallel runs this is.
        jobs: how many there are.
    """
    environment.pop(DIRECTORY_VARIABLE, None)
    environment["PYTHONUNBUFFERED"] = "1"
    if jobs > 1:
        threads = max(1, len(os.sched_getaffinity(0)) // jobs)
        for name in THREADS:
            environment.setdefault(name, str(threads))
        if devices := [word for word in environment.get(DEVICES, "").split(",") if word]:
            environment[DEVICES] = devices[slot % len(devices)]
    return environment
