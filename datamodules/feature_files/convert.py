"""Turns a feature file into a store, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from datamodules.feature_files.layout import read_layout
from datamodules.feature_files.place import locked
from datamodules.feature_files.store import STORE, FeatureStore, write_store
from datamodules.feature_files.unpickle import read_pickle
from datamodules.feature_files.writer import Report
from snn_mm.errors import UserError

SHOWN_FROM = 1 << 28
"""Files of at least this many bytes get a progress bar."""


class Prepared(NamedTuple):
    """A store, and what the user should know if it was made just now.

    Attributes:
        store: the finished store.
        notes: what was changed in making it, in words; empty if it was there already.
    """

    store: FeatureStore
    notes: list[str]


def prepare(
    path: Path,
    directory: Path,
    clip_lengths: bool = False,
    verify: bool = False,
    published: str | None = None,
) -> Prepared:
    """Open the store of a feature file, made now unless it was made of the file as it is.

    The file counts as unchanged while its size and time of modification stay; it may be gone. Its
    SHA-256 is taken whenever it is converted.

    Args:
        path: the feature file.
        directory: of the store.
        clip_lengths: whether lengths beyond an array count as its length.
        verify: whether to take the SHA-256 at each start, and to insist on `published`.
        published: the SHA-256 that the file is known by.

    Raises:
        UserError: the file can't be read, or is not what it should be.
    """
    if store := _usable(path, directory, clip_lengths, verify):
        _check_published(path, store, published, verify)
        return Prepared(store, [])
    with locked(directory):
        # Another rank or run may have been first.
        if store := _usable(path, directory, clip_lengths, verify):
            return Prepared(store, [])
        notes = _convert(path, directory, clip_lengths)
        store = FeatureStore(directory)
    return Prepared(store, notes + _check_published(path, store, published, verify))


def _usable(path: Path, directory: Path, clip_lengths: bool, verify: bool) -> FeatureStore | None:
    """The store, if it was made of the file as it is."""
    if not (directory / STORE).is_file():
        return None
    try:
        store = FeatureStore(directory)
    except UserError:
        return None
    source = store.source
    if source.get("clip_lengths") != clip_lengths:
        return None
    if path.exists() and _stamp(path) != {key: source.get(key) for key in ("bytes", "mtime_ns")}:
        return None
    return None if verify and source.get("sha256") != sha256(path) else store


def _convert(path: Path, directory: Path, clip_lengths: bool) -> list[str]:
    """Make the store and return what was changed."""
    pickle, stamp = read_pickle(path), _stamp(path)
    layout = read_layout(path, pickle.content, clip_lengths)
    arrays = [x for split in layout.splits.values() for x in split.arrays.values()]
    source: dict[str, Any] = {"file": path.name, "sha256": sha256(path)}
    source |= {**stamp, "clip_lengths": clip_lengths}
    with _progress(f"preparing {path.name}", sum(array.nbytes for array in arrays)) as advance:

        def on_block(size: int) -> None:
            pickle.release()
            advance(size)

        reports = write_store(directory, layout.splits, source, on_block)
    return layout.notes + [note for key, report in reports.items() for note in _notes(key, report)]


def _notes(key: str, report: Report) -> Iterator[str]:
    if report.nonfinite:
        yield f"{key}: {report.nonfinite} NaN or infinite values became 0"
    if report.empty:
        yield f"{key}: {report.empty} sequences without a step became one step of zeros"


def _check_published(
    path: Path, store: FeatureStore, published: str | None, verify: bool
) -> list[str]:
    """Refuse, or note, a file that is not the published one."""
    if published is None or store.source["sha256"] == published:
        return []
    reason = f"{path} is not the published file: its SHA-256 is {store.source['sha256']}"
    if verify:
        raise UserError(f"{reason}.\nAccepted is {published}; without `verify` any file is.")
    return [reason]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        UserError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}).") from error


def _stamp(path: Path) -> dict[str, int]:
    """What tells a file from what it was, without reading it."""
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on the error stream for what takes a while."""
    if total < SHOWN_FROM:
        yield lambda _: None
        return
    with Progress(console=Console(stderr=True)) as bar:
        yield partial(bar.advance, bar.add_task(label, total=total))
