"""Directories that are whole or absent, and one writer at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snn_mm.run.lock import wait_for_file


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
    with wait_for_file(directory.parent / f".{directory.name}.lock"):
        yield
