"""Arrays prepared once, then opened by any number of workers and ranks."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.store.folders import find_files
from snn_mm.errors import UserError

Arrays = Mapping[str, NDArray[Any]]

LAYOUT = 1
"""Raised whenever prepared arrays of an earlier release must not be read any more."""


def cache_path(root: str, name: str, options: Mapping[str, object]) -> Path:
    """Return the directory of the arrays that these options give."""
    text = json.dumps({"layout": LAYOUT, **options}, sort_keys=True)
    return Path(root) / "prepared" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prepared(
    root: str, name: str, options: Mapping[str, object], build: Callable[[], Arrays]
) -> dict[str, NDArray[Any]]:
    """Return the arrays that these options give, built unless that is done."""
    path = cache_path(root, name, options)
    build_once(path, build)
    return open_arrays(path)


def build_once(directory: Path, build: Callable[[], Arrays]) -> None:
    """Write arrays to `directory` unless it exists.

    They are written under another name and moved in one step: an interrupted build leaves nothing
    behind that could be taken for a finished one, and of two builds at once either may win.

    Raises:
        UserError: `directory` can't be written.
    """
    if directory.exists():
        return
    arrays = build()
    try:
        _write(arrays, directory)
    except OSError as error:
        raise UserError(
            f"Prepared data can't be written to {directory.parent} ({error.strerror}). "
            "Set `root` to a directory with write access and space."
        ) from error


def _write(arrays: Arrays, directory: Path) -> None:
    """Write arrays under a temporary name, then move them to `directory`."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=directory.parent) as temporary:
        made = Path(temporary) / directory.name
        made.mkdir()
        for name, array in arrays.items():
            np.save(made / f"{name}.npy", array, allow_pickle=False)
        _move(made, directory)


def _move(made: Path, directory: Path) -> None:
    """Rename `made` to `directory`; another build may have been first."""
    try:
        made.replace(directory)
    except OSError:
        if not directory.exists():
            raise


def open_arrays(directory: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a finished build, memory-mapped and read-only.

    Raises:
        UserError: a file is damaged; names it.
    """
    return {path.stem: _open(path) for path in find_files(directory, {".npy"})}


def _open(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"Prepared data {path} is damaged ({error}). Delete {path.parent} and run again."
        ) from error
    return array
