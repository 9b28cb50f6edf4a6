"""Turns a feature file into a store, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from datamodules.feature_files.layout import read_layout
from datamodules.feature_files.store import STORE, FeatureStore, write_store
from datamodules.feature_files.unpickle import read_pickle
from datamodules.feature_files.writer import Replacements
from datamodules.store.source import sha256
from snn_mm.errors import UserError
from snn_mm.run.lock import wait_for_file

PROGRESS_BYTES = 1 << 28
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
    directory.parent.mkdir(parents=True, exist_ok=True)
    with wait_for_file(directory.parent / f".{directory.name}.lock"):
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
        if verify:
            store.check(whole=True)
    except UserError:
        return None
    source = store.source
    if source.get("clip_lengths") != clip_lengths:
        return None
    if path.exists() and _stamp(path) != {key: source.get(key) for key in ("bytes", "mtime_ns")}:
        return None
    return None if verify and source.get("sha256") != _sha256(path) else store


def _convert(path: Path, directory: Path, clip_lengths: bool) -> list[str]:
    """Make the store and return what was changed."""
    pickle, stamp = read_pickle(path), _stamp(path)
    layout = read_layout(path, pickle.content, clip_lengths)
    total = sum(x.nbytes for split in layout.splits.values() for x in split.arrays.values())
    source = {"file": path.name, "sha256": _sha256(path), **stamp, "clip_lengths": clip_lengths}
    with Progress(console=Console(stderr=True), disable=total < PROGRESS_BYTES) as bar:
        task = bar.add_task(f"preparing {path.name}", total=total)

        def on_block(size: int) -> None:
            pickle.release()
            bar.advance(task, size)

        reports = write_store(directory, layout.splits, source, on_block)
    return layout.notes + [note for key, report in reports.items() for note in _notes(key, report)]


def _notes(key: str, report: Replacements) -> Iterator[str]:
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


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}).") from error


def _stamp(path: Path) -> dict[str, int]:
    """What tells a file from what it was, without reading it."""
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
