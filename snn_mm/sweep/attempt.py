"""One `snnmm fit` in a process of its own."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Mapping

from snn_mm.run.directory import RunDirectory
from snn_mm.run.lock import HeldFile, lock_file
from snn_mm.sweep.cells import SweepCell
from snn_mm.sweep.launch import Child, Launch

LOG = "output.log"
ERROR = "snnmm: error: "


class Attempt:
    """A process that trains one cell, its output in `output.log` of the run directory.

    The process inherits a lock on its own output, which the kernel holds until the process ends. So
    a sweep that was killed and started again sees which of its runs still go on, even those that
    are too young to have taken their run directory, and waits for them.

    Args:
        cell: what to train.
        launch: how processes are started.
        environment: environment variables of the process.
    """

    def __init__(self, cell: SweepCell, launch: Launch, environment: Mapping[str, str]) -> None:
        self.cell = cell
        self.begin = time.monotonic()
        self.process: Child | None = None
        held = self._held = lock_log(cell.run)
        if held is None:
            return
        with held.file as log:
            self.offset = log.seek(0, os.SEEK_END)
            if not cell.is_over:
                self.process = launch(cell.command, log, environment)
                held.hand_on(self.process.pid)
        if self.process is None:
            held.close()

    @property
    def is_own(self) -> bool:
        """Whether this sweep started the process; else an earlier one did, or none was needed."""
        return self.process is not None

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.begin

    def is_running(self) -> bool:
        """Whether the process lives."""
        if self.process is None:
            return is_busy(self.cell.run)
        if self.process.poll() is None:
            return True
        if self._held is not None:
            self._held.close()
        return False

    @property
    def code(self) -> int:
        """Exit code of the own process; 0 for another's."""
        code = self.process.poll() if self.process else 0
        return 0 if code is None else code

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send the own process a signal; SIGKILL goes to its data-loading workers too."""
        if self.process is None or self.process.poll() is not None:
            return
        if number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def error(self) -> str:
        """Why the process failed: its own message, or the last line it wrote."""
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        with (self.cell.run.path / LOG).open("rb") as file:
            file.seek(self.offset)
            output = file.read().decode(errors="replace")
        if ERROR in output:
            return output.rpartition(ERROR)[2].strip()
        lines = output.strip().splitlines() or ["no output"]
        return f"exit code {self.code}: {lines[-1].strip()}"


def lock_log(run: RunDirectory) -> HeldFile | None:
    """Open and lock the output file of a run; None if a process still writes to it."""
    run.path.mkdir(parents=True, exist_ok=True)
    # `flock` belongs to the open file, which a child inherits; `lockf` would belong to us alone.
    return lock_file(run.path / LOG, fcntl.flock)


def is_busy(run: RunDirectory) -> bool:
    """Whether a process that a sweep started still trains this run."""
    if not (run.path / LOG).is_file():
        return False
    held = lock_log(run)
    if held is not None:
        held.close()
    return held is None
