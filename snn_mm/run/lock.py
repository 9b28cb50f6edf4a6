"""Keeps two processes out of one directory, on file systems without locks too."""

from __future__ import annotations

import errno
import fcntl
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from snn_mm.errors import UserError
from snn_mm.run.directory import RUNNING, STOPPED, RunDirectory
from snn_mm.run.links import open_own
from snn_mm.run.lock_mark import Mark

KernelLock = Callable[[int, int], None]
"""`fcntl.lockf`, which belongs to a process, or `fcntl.flock`, which children inherit."""

WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What a file system says that has none: Lustre without `flock`, NFS with `nolock`."""

WAIT_SECONDS = 0.1

_warned: set[int] = set()


class RunLock:
    """Holds a run directory while a process writes to it.

    A POSIX record lock: the kernel gives it back when the process dies, however it dies, and
    data-loading workers do not inherit it.

    Args:
        run: the run directory, which must exist.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._held: HeldFile | None = None

    def acquire(self) -> None:
        """Take the directory.

        Raises:
            UserError: another process holds it.
        """
        path = self.run.path / ".lock"
        self._held = lock_file(path)
        if self._held is None:
            raise UserError(f"run {self.run.path} is in use by another process{holder(path)}")

    def is_free(self) -> bool:
        """Whether nobody holds the directory, without taking it; not to be asked by who does."""
        return not is_held(self.run.path / ".lock")

    def status(self) -> str | None:
        """What the run notes; `stopped` where that is `running` and its process is gone."""
        status = self.run.status()
        return STOPPED if status == RUNNING and self.is_free() else status

    def release(self) -> None:
        """Give the directory back; nothing if it was never taken."""
        if self._held is not None:
            self._held.close()
            self._held = None


class HeldFile:
    """A file that this process holds; closing it gives it back.

    Args:
        file: open for appending; the kernel's lock is on it.
        mark: what holds it on a file system without locks.
    """

    def __init__(self, file: BinaryIO, mark: Mark | None) -> None:
        self.file, self.mark = file, mark

    def hand_on(self, pid: int) -> None:
        """Have it belong to a child that inherited the file, until the child ends."""
        if self.mark is not None:
            self.mark.name_owner(pid)

    def close(self) -> None:
        """Give it back."""
        self.file.close()
        if self.mark is not None:
            self.mark.remove()

    def __enter__(self) -> HeldFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_file(path: Path, lock: KernelLock | None = None) -> HeldFile | None:
    """Take a file, creating it. None if another process holds it.

    Args:
        path: the file; what it holds stays.
        lock: the kernel's lock, `fcntl.lockf` if left out.
    """
    file = open_own(path)
    mark = Mark(path)
    try:
        (lock or fcntl.lockf)(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            warn_once(path, error)
            if mark.take():
                return HeldFile(file, mark)
        file.close()
        if error.errno in (*WITHOUT_LOCKS, errno.EACCES, errno.EAGAIN):
            return None
        raise
    if mark.is_alive():  # of a machine to which the same directory has no locks
        file.close()
        return None
    return HeldFile(file, None)


def is_held(path: Path) -> bool:
    """Whether another process holds a file; so it counts if that can't be asked.

    The process that holds it must not ask: closing any opened copy gives a POSIX lock back.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        os.lockf(file, os.F_TEST, 0)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            return True
    finally:
        os.close(file)
    return Mark(path).is_alive()


def wait_for_file(path: Path) -> HeldFile:
    """Take a file as soon as no other process or thread holds it."""
    while (held := lock_file(path, fcntl.flock)) is None:
        time.sleep(WAIT_SECONDS)
    return held


def holder(path: Path) -> str:
    """Who holds a file on a file system without locks, as the rest of a sentence."""
    return Mark(path).describe()


def warn_once(path: Path, error: OSError) -> None:
    """Say that a file system has no locks, once for each."""
    device = path.stat().st_dev
    if device not in _warned:
        _warned.add(device)
        warnings.warn(
            f"{path.parent}: this file system has no locks ({os.strerror(error.errno or 0)}); "
            f"files {path.name}.held with host and process take their place",
            stacklevel=3,
        )
