"""A sweep with fake runs in a process of its own, and what its runs left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

START = (sys.executable, str(Path(__file__).with_name("fake_sweep.py")))


class SweepProcess:
    """`snnmm sweep toy.yaml` that can be killed."""

    def __init__(self, *flags: str, seconds: float) -> None:
        environment = {**os.environ, "FAKE_SECONDS": str(seconds)}
        self.process = subprocess.Popen(
            [*START, "sweep", "toy.yaml", *flags], env=environment, stdout=subprocess.PIPE
        )

    def kill_when(self, condition: Callable[[], bool], number: int = signal.SIGKILL) -> int:
        """Send a signal as soon as something is true; return the exit code."""
        self.wait_until(condition)
        self.process.send_signal(number)
        return self.process.wait(timeout=10)  # runs are told, not waited for

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait while the sweep goes on."""
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.01)


def starts() -> dict[str, list[int]]:
    """Process ids of every start of each run."""
    files = sorted(Path("runs/toy-sweep").glob("*/starts.txt"))
    return {
        file.parent.name: [int(line.split()[0]) for line in file.read_text().splitlines()]
        for file in files
    }


def is_alive(pid: int) -> bool:
    """Whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
