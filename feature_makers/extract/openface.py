"""Reads the tables that OpenFace 2 writes, one a clip; OpenFace itself is run by the user."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.store.clip import ClipNote, UnreadableClipError
from feature_makers.extract.options import ALL_GROUPS, GROUPS
from snn_mm.errors import UserError
from snn_mm.reading.text import read_text

RUN_OPENFACE = (
    "OpenFace is not part of snn_mm: FeatureExtraction -f CLIP -out_dir DIR writes CLIP.csv"
)


def read_openface(
    path: Path, groups: Sequence[str] = ALL_GROUPS, frames_per_step: int = 1
) -> NDArray[np.float32]:
    """Return what OpenFace saw in a clip; zeros where it tracked no face.

    A step is the mean over those of its frames in which a face was tracked. The released extractor
    (`data/DataPre.py` of thuiar/Self-MM) averages the others in, too, which halves a pose whenever
    half of the frames failed.

    Args:
        path: a CSV file of OpenFace 2.0 to 2.2, of one face.
        groups: names of column groups, see `GROUPS`; columns keep the order of the table.
        frames_per_step: how many frames are averaged to one step.

    Returns:
        `[L, D]` with L = frames / frames_per_step, rounded up.

    Raises:
        UnreadableClipError: the table is missing, damaged, of several faces, or lacks a group.
    """
    try:
        header, *rows = read_text(path).splitlines() or [""]
    except UserError as error:
        reason = str(error).rpartition("/")[2]
        raise UnreadableClipError(f"{reason}. {RUN_OPENFACE}") from error
    names = [name.strip() for name in header.split(",")]
    columns = _feature_columns(names, groups, path.name)
    frame, success, features = _read_rows(path.name, names, columns, rows)
    if (np.diff(frame) <= 0).any():
        raise UnreadableClipError(f"{path.name} is of several faces; accepted are tables of one")
    tracked = (success == 1) & np.isfinite(features).all(axis=1)
    if (tracked != (success == 1)).any():
        reason = "NaN in frames with a face; they count as frames without one"
        warnings.warn(ClipNote(reason, path.name), stacklevel=2)
    return _mean_of_tracked(features, tracked, frames_per_step)


def _feature_columns(names: Sequence[str], groups: Sequence[str], file: str) -> list[int]:
    """Return the positions of the groups' columns, in the order of the table."""
    missing = [name for name in ("frame", "success") if name not in names]
    missing += [group for group in groups if not any(map(GROUPS[group].fullmatch, names))]
    if missing:
        raise UnreadableClipError(f"{file} has no {', '.join(missing)}: no full OpenFace 2 table")
    wanted = [GROUPS[group] for group in groups]
    return [i for i, name in enumerate(names) if any(group.fullmatch(name) for group in wanted)]


def _read_rows(
    file: str, names: Sequence[str], columns: Sequence[int], rows: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frame numbers `[F]`, success `[F]` and features `[F, D]` of all F frames."""
    filled = [row for row in rows if row.strip()]
    if not filled:
        raise UnreadableClipError(f"{file} has no frame")
    order = [names.index("frame"), names.index("success"), *columns]
    # What C++ on Windows writes for NaN is no number to Python.
    plain = (row.replace("-nan(ind)", "nan") for row in filled)
    try:
        table = np.loadtxt(plain, delimiter=",", usecols=order, ndmin=2)
    except ValueError as error:
        raise UnreadableClipError(f"{file}: {str(error).splitlines()[0]}") from error
    return table[:, 0], table[:, 1], table[:, 2:]


def _mean_of_tracked(
    features: NDArray[np.float64], tracked: NDArray[np.bool_], size: int
) -> NDArray[np.float32]:
    """Average `[F, D]` over the tracked `[F]` of every `size` frames to `[L, D]`."""
    starts = np.arange(0, len(features), size)
    kept = np.where(tracked[:, None], features, 0.0)
    sums = np.add.reduceat(kept, starts)  # [F, D] -> [L, D]
    counts = np.add.reduceat(tracked.astype(np.int64), starts)  # [F] -> [L]
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
