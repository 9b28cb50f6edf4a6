"""Tells whether files are still those that something was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Record = Sequence[Any]
"""What is remembered of files, as JSON has it: of each its size in bytes, its time of modification
in ns and its SHA-256, which may be unknown (null); null for a file that is missing."""


def record_files(paths: Iterable[Path], content: bool = True) -> Record:
    """Return what tells files from others, not their paths: a data set may be moved or copied.

    Args:
        paths: of the files.
        content: whether to read them for their SHA-256.
    """
    return [_record(path, content) for path in paths]


def are_unchanged(paths: Sequence[Path], record: object, verify: bool = False) -> bool:
    """Return whether files are still those of a record.

    Files of the same size and time are the same, and those of another size are not. Of the same
    size and another time, as a copy may be, the content decides.

    Args:
        paths: of the files, in the order of the record.
        record: what `record_files` returned; anything else is of other files.
        verify: whether the content decides in any case, where it is known.
    """
    if not isinstance(record, Sequence) or len(record) != len(paths):
        return False
    return all(_is_unchanged(path, was, verify) for path, was in zip(paths, record))


def _is_unchanged(path: Path, was: object, verify: bool) -> bool:
    now = _record(path, content=False)
    if now is None or not isinstance(was, Sequence) or len(was) != 3:
        return now is None and was is None
    digest = was[2]
    if now[0] != was[0] or (now[1] == was[1] and not (verify and digest)):
        return bool(now[:2] == list(was[:2]))
    return digest is not None and digest == _digest(path)


def _record(path: Path, content: bool) -> list[Any] | None:
    if not path.is_file():
        return None
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, _digest(path) if content else None]


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it can't be read, which decoding it will tell."""
    try:
        return sha256(path)
    except OSError:
        return None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
