"""Keeps two processes out of one directory."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory


class RunLock:
    """Holds a run directory while a process writes to it.

    A POSIX record lock: the kernel gives it back when the process dies, however it dies, and
    data-loading workers do not inherit it.

    Args:
        run: the run directory, which must exist.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the directory.

        Raises:
            UserError: another process holds it.
        """
        file = lock_file(self.run.path / ".lock")
        if file is None:
            raise UserError(f"run {self.run.path} is in use by another process")
        self._file = file

    def is_free(self) -> bool:
        """Whether nobody holds the directory; not to be asked by who does."""
        try:
            self.acquire()
        except UserError:
            return False
        self.release()
        return True

    def release(self) -> None:
        """Give the directory back; nothing if it was never taken."""
        if self._file is not None:
            self._file.close()
            self._file = None


def lock_file(path: Path) -> IO[str] | None:
    """Take a file, creating it; closing it gives it back. None if another process holds it."""
    file = path.open("w")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
