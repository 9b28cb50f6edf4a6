"""Signals: one that asks a training to stop, heard where its state can be saved; and Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Notes signals instead of obeying them at once.

    Attributes:
        is_made: whether the training shall stop.
        wants_requeue: whether SLURM shall queue the job again: its time limit is near.
    """

    def __init__(self) -> None:
        self.is_made = self.wants_requeue = False
        self._requeue_signal: int | None = None

    def listen(self, requeue_signal: int | None) -> None:
        """Take over SIGTERM, and the signal ahead of the time limit, where there is one."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._requeue_signal = requeue_signal
        for number in {signal.SIGTERM, requeue_signal} - {None}:
            signal.signal(number, self._note)  # type: ignore[arg-type]

    def requeue(self) -> None:
        """Have SLURM queue the job again, once; a warning if it does not."""
        if not self.wants_requeue:
            return
        self.wants_requeue = False
        job = slurm_job()
        command = ["scontrol", "requeue", job]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            problem = done.stderr.strip() if done.returncode else ""
        except OSError as error:
            problem = str(error)
        if problem:
            message = f"{shlex.join(command)}: {problem}\nsubmit it again: its run goes on"
            sys.stderr.write(f"snnmm: warning: {message}\n")

    def _note(self, number: int, _: FrameType | None) -> None:
        self.is_made = True
        self.wants_requeue |= number == self._requeue_signal


def slurm_job() -> str:
    """The name of this job for SLURM: of an array, the one index of it."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    if array is None:
        return os.environ["SLURM_JOB_ID"]
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Have Ctrl-C wait; processes that are started meanwhile never hear it: it is the parent's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
