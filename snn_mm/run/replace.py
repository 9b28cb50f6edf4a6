"""Files and directories that are whole or absent, whenever a process is killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, which takes the place of `path` when the block ends well.

    Neither a reader nor a kill ever meets half a file; after an error the old file stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)  # a link that somebody left there would be written through
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
