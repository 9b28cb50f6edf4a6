"""Directories that are whole or absent, and one writer at a time."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """A new directory, which takes the place of `directory` when the block ends well.

    Whoever has files of the old directory mapped keeps them.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=directory.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        yield made
        if directory.exists():
            directory.rename(Path(temporary) / "old")
        made.rename(directory)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Wait until no other process makes `directory`; the lock dies with its holder."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f".{directory.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
