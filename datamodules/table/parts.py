"""Which rows of a table train, validate and test, and what their inputs are scaled by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from numpy.typing import NDArray

from datamodules.base import SplitName
from datamodules.division import cut_groups
from datamodules.folds import cut_whole_groups
from datamodules.pairing import Rows, stream
from datamodules.split import FeatureScale
from datamodules.table.files import FEATURES, Kind
from datamodules.table.rows import PARTS, TableFile


def divide(table: TableFile, fractions: tuple[float, float], seed: int) -> dict[SplitName, Rows]:
    """The rows of each split: as the table says, or cut off.

    Args:
        table: the table; where it names no sample that validates, some that train do.
        fractions: part of all samples that tests, part of the others that validates.
        seed: decides what is cut off.
    """
    parts = table.parts
    if parts is None:
        others, test = _cut(table, np.arange(len(table.rows)), fractions[0], seed, "test")
    else:
        _warn_of_leaks(table, parts)
        others, val, test = (np.flatnonzero(np.array(parts) == name) for name in PARTS)
        if len(val):
            return {"train": others, "val": val, "test": test}
    train, val = _cut(table, others, fractions[1], seed, "validation")
    return {"train": train, "val": val, "test": test}


def _cut(
    table: TableFile, rows: Rows, fraction: float, seed: int, purpose: str
) -> tuple[Rows, Rows]:
    """Cut a fraction off `rows` `[n]`: whole groups, one at least, or class by class."""
    rng, labels, groups = stream(seed, purpose), table.labels[rows], table.groups
    if groups is None:
        stay, off = cut_groups(labels, [str(row) for row in rows], fraction, rng)
    else:
        stay, off = cut_whole_groups(labels, [groups[row] for row in rows], fraction, rng)
    return rows[stay], rows[off]


def _warn_of_leaks(table: TableFile, parts: Sequence[str]) -> None:
    groups = table.groups or ()
    train, val, test = ({g for g, p in zip(groups, parts) if p == name} for name in PARTS)
    if shared := sorted(train & (val | test)):
        rank_zero_warn(
            f"{table.path}: {len(shared)} groups train and are in another part as well, such as "
            f"{shared[0]}: what is measured is no estimate for new ones."
        )


def fit_scales(
    stored: Mapping[str, NDArray[Any]], kind: Kind, members: Mapping[str, Sequence[int]]
) -> dict[str, FeatureScale]:
    """Mean and deviation of each feature, or of all values of pictures and sounds.

    Args:
        stored: `values` end to end, and where those of each row begin: `starts`.
        kind: of the inputs.
        members: rows that a scale is of, by its name.
    """
    steps = {name: _steps(stored, rows) for name, rows in members.items()}
    return {name: _fitted(values, kind) for name, values in steps.items() if len(values)}


def _steps(stored: Mapping[str, NDArray[Any]], rows: Sequence[int]) -> NDArray[Any]:
    starts, values = stored["starts"], np.asarray(stored["values"])
    return np.concatenate([values[:0], *(values[starts[r] : starts[r + 1]] for r in rows)])


def _fitted(values: NDArray[Any], kind: Kind) -> FeatureScale:
    if kind in FEATURES:
        return FeatureScale.fit(values)
    deviation = float(values.std(dtype=np.float64))
    return FeatureScale(float(values.mean(dtype=np.float64)), deviation or 1.0)
