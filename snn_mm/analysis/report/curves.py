"""Reads what a run logged over its epochs."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from snn_mm.errors import UserError
from snn_mm.reading.json_files import read_json
from snn_mm.reading.text import read_bytes

Logged = dict[str, dict[int, float]]
"""Values by name and by epoch, counted from 1 as in all figures; logs count from 0."""

STAGES = ("train/", "val/", "test/")
NO_FACTORS = ("lr-", "epoch", "step")
SHARES = ("rate", "silent", "saturated")


class Point(NamedTuple):
    """Mean over runs in one epoch, and mean minus and plus one standard deviation."""

    epoch: int
    mean: float
    low: float
    high: float

    def times(self, scale: float) -> Point:
        """The same in another unit."""
        return Point(self.epoch, self.mean * scale, self.low * scale, self.high * scale)


def is_factor(name: str) -> bool:
    """Whether what was logged is of no stage: a factor of a modulation, or what a tracker saw."""
    return not name.startswith((*STAGES, *NO_FACTORS))


def read_logged(run: Path, problems: list[str]) -> Logged:
    """Metrics and factors of a run, of `metrics.csv` and `factors.csv`.

    Of a metric the last value in an epoch counts, of a tracked factor the mean over its steps. A
    missing file is no problem, a damaged one is named in `problems`.
    """
    logged: Logged = {}
    steps: dict[str, dict[int, list[float]]] = {}

    def take(row: dict[str, str]) -> None:
        filled = {name: float(cell) for name, cell in row.items() if cell}
        epoch = int(filled.pop("epoch")) + 1
        for name, value in filled.items():
            if math.isfinite(value):  # a training that diverged logs nan
                logged.setdefault(name, {})[epoch] = value

    def track(row: dict[str, str]) -> None:
        epoch, value = int(row["epoch"]) + 1, float(row["value"])
        if math.isfinite(value):
            steps.setdefault(row["name"], {}).setdefault(epoch, []).append(value)

    feed(run / "metrics.csv", ["epoch"], take, problems)
    feed(run / "factors.csv", ["name", "epoch", "value"], track, problems)
    found: Logged = {
        name: {epoch: sum(values) / len(values) for epoch, values in by_epoch.items()}
        for name, by_epoch in steps.items()
    }
    for name, series in logged.items():
        if not is_factor(name):
            found[name] = series
        elif not name.endswith("_step"):
            found[name.removesuffix("_epoch")] = series
    return found


def read_layers(run: Path, problems: list[str]) -> dict[tuple[str, str], tuple[float, ...]]:
    """Firing rate, silent and saturated share of each layer when it was last seen."""
    layers: dict[tuple[str, str], tuple[float, ...]] = {}

    def take(row: dict[str, str]) -> None:
        layers[row["modality"], row["layer"]] = tuple(float(row[name]) for name in SHARES)

    feed(run / "spikes.csv", ["modality", "layer", *SHARES], take, problems)
    return layers


def read_contribution(run: Path) -> dict[str, Any]:
    """What modalities contribute, by name, as `snnmm analyse robustness` left it in a run."""
    return read_json(run / "robustness" / "contribution.json")


def feed(
    path: Path, needed: Sequence[str], take: Callable[[dict[str, str]], None], problems: list[str]
) -> None:
    """Hand each row of a CSV file to `take`, cells by column; factor files have millions of rows.

    Args:
        path: the file; it may be missing.
        needed: columns that it must have.
        take: raises ValueError or KeyError for what it cannot read; such rows are counted.
        problems: gets lines about what is damaged.
    """
    text = read_whole_lines(path, problems)
    rows = csv.reader((text or "").splitlines())
    columns = next_row(rows) or []
    if set(needed) - set(columns):
        if text is not None:
            problems.append(f"{path.name}: {'no header' if columns else 'empty'}")
        return
    damaged = 0
    while (row := next_row(rows)) is not None:
        try:
            take(dict(zip(columns, row, strict=True)))
        except (ValueError, KeyError, OverflowError):
            damaged += 1
    if damaged:
        problems.append(f"{path.name}: {damaged} damaged row{'s' * (damaged > 1)} left out")


def next_row(rows: Iterator[list[str]]) -> list[str] | None:
    """The next row of a table; of one that has none, such as a cell of a megabyte, an empty one."""
    try:
        return next(rows, None)
    except csv.Error:
        return []


def read_whole_lines(path: Path, problems: list[str]) -> str | None:
    """The text of a file without a last line that a kill cut short; None if there is no file."""
    if not path.exists():
        return None
    try:
        text = read_bytes(path).decode("utf-8", errors="replace")
    except UserError as error:
        problems.append(f"{path.name}: {str(error).split(': ', 1)[-1]}")
        return None
    if text and not text.endswith("\n"):
        problems.append(f"{path.name}: last line cut short, the rest is used")
    return text[: text.rfind("\n") + 1]
