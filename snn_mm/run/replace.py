"""Files and directories that are whole or absent, be a process killed or a disk full."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from snn_mm.errors import UserError
from snn_mm.run.lock_mark import pid_namespace, started_at

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""What a disk says that is full, at a limit, read-only or broken."""

LEFTOVER = re.compile(r"\..+\.(\d+)")
"""A temporary name of `replacing`; ends with the process that writes to it."""

BUILDING = re.compile(r"\.building-(\w+)-(\d+)-\w+")
"""A temporary directory of `building`: on which machine, by which process."""

DAY = 24 * 60 * 60.0

CLOCKS = 60.0
"""Seconds by which clocks of a file server and of a machine may differ."""


@contextmanager
def writing(path: Path, advice: str = "") -> Iterator[None]:
    """Say which file or directory can't be written, and why.

    Args:
        path: what is written, or written to.
        advice: what to do then.

    Raises:
        UserError: the block met an error of the disk.
    """
    before = sys.exception()
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        cause = _error_of_disk(error, before)
        if cause is None or not _is_beside(cause.filename, path):
            raise
        raise UserError(f"{unwritable(path, cause)}{advice}") from error


def unwritable(path: Path | None, error: OSError) -> str:
    """What can't be written, None if nobody knows, why, and how much space there is."""
    reason = error.strerror or str(error)
    if error.errno == errno.EFBIG:
        reason = f"{reason} (for `ulimit -f` or the file system)"
    place = path or "a file without a name, such as the output,"
    return f"{place} can't be written: {reason}{_free_space(path)}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, which takes the place of `path` when the block ends well.

    Neither a reader nor a kill ever meets half a file; after an error the old file stands.

    Raises:
        UserError: `path` can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        temporary.unlink(missing_ok=True)  # a link somebody left there would be written through
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def appending(path: Path) -> Iterator[TextIO]:
    """A text file to add whole lines to; after an error it is as long as it was.

    Raises:
        UserError: `path` can't be written.
    """
    with writing(path):
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a", newline="", encoding="utf-8") as file:
                yield file
        except Exception:
            with suppress(OSError):
                os.truncate(path, size)
            raise


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """A new directory, which takes the place of `directory` when the block ends well.

    Whoever has files of the old directory mapped keeps them.
    """
    with building(directory) as made:
        yield made
        if directory.exists():
            directory.rename(made.with_name("old"))
        made.rename(directory)


@contextmanager
def building(directory: Path) -> Iterator[Path]:
    """A new directory near `directory`, for the block to move there.

    Removed is what is left of it, and what killed processes have left.

    Raises:
        UserError: the block met an error of the disk.
    """
    parent = directory.parent
    with writing(directory, "\nset `root` to a directory with write access and space"):
        parent.mkdir(parents=True, exist_ok=True)
        _remove_buildings(parent)
        prefix = f".building-{_machine()}-{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as temporary:
            made = Path(temporary) / directory.name
            made.mkdir()
            yield made


def remove_leftovers(*folders: Path) -> None:
    """Remove what `replacing` left behind in processes that were killed.

    To be called by who holds the folders: a process of another machine is taken for dead.
    """
    for folder in folders:
        for file in folder.glob(".*"):
            match = LEFTOVER.fullmatch(file.name)
            if match and file.is_file() and not _is_written(file, int(match[1])):
                file.unlink(missing_ok=True)


def _remove_buildings(parent: Path) -> None:
    """Remove what `building` left: at once if its process was of this machine, else in a day."""
    for directory in parent.glob(".building-*"):
        match = BUILDING.fullmatch(directory.name)
        if match and match[1] == _machine():
            is_left = not _is_written(directory, int(match[2]))
        else:
            is_left = time.time() - _last_touched(directory) > DAY
        if is_left:
            shutil.rmtree(directory, ignore_errors=True)


def _is_written(path: Path, pid: int) -> bool:
    """Whether the process that made a file lives: it, and not another with its number."""
    started = started_at(pid)
    return started is not None and started < _last_touched(path) + CLOCKS


def _last_touched(path: Path) -> float:
    """When a file, or something in a directory, was written last; 0 if it is gone."""
    try:
        return max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return 0.0


def _machine() -> str:
    """What tells process ids apart: the machine, and the container."""
    return hashlib.sha256(f"{socket.gethostname()} {pid_namespace()}".encode()).hexdigest()[:8]


def _error_of_disk(error: BaseException, before: BaseException | None) -> OSError | None:
    """What the system said: torch wraps it when it writes; errors of `before` were there before."""
    cause: BaseException | None = error
    while cause is not None and cause is not before and not isinstance(cause, OSError):
        cause = (cause.__cause__ or cause.__context__) if isinstance(error, RuntimeError) else None
    return cause if isinstance(cause, OSError) and cause is not before else None


def _is_beside(filename: object, path: Path) -> bool:
    """Whether an error is about `path` or what is written for it, as one without a name must be."""
    if not isinstance(filename, str | os.PathLike):
        return True
    return path.parent in Path(filename).parents or Path(filename) in path.parents


def _free_space(path: Path | None) -> str:
    """What is left where a path lies, as the rest of a sentence; empty if nobody knows."""
    for place in path.absolute().parents if path else ():
        with suppress(OSError):
            return f"; {shutil.disk_usage(place).free / 1e6:,.0f} MB are free"
    return ""
