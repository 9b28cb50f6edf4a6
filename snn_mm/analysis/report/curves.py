"""Reads what a run logged over its epochs, and averages it over runs."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from snn_mm.analysis.report.statistics import summarise

Series = dict[int, float]
"""Value by epoch."""

STAGES = ("train/", "val/", "test/")
NO_FACTORS = ("lr-", "epoch", "step")
SHARES = ("rate", "silent", "saturated")


class Point(NamedTuple):
    """Mean over runs in one epoch, and mean minus and plus one standard deviation."""

    epoch: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Curves:
    """What one run logged.

    Attributes:
        metrics: series by name, of `metrics.csv`.
        factors: series by name, of `metrics.csv` or `factors.csv`.
        layers: (rate, silent, saturated) by (modality, layer), the last of `spikes.csv`.
        problems: what could not be read.
    """

    metrics: dict[str, Series] = field(default_factory=dict)
    factors: dict[str, Series] = field(default_factory=dict)
    layers: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_curves(run: Path) -> Curves:
    """Read the CSV files of a run; a missing one is no problem, a damaged one is named."""
    problems: list[str] = []
    logged = read_metrics(run / "metrics.csv", problems)
    factors = {
        name.removesuffix("_epoch"): series
        for name, series in logged.items()
        if not name.startswith((*STAGES, *NO_FACTORS)) and not name.endswith("_step")
    }
    tracked = read_factors(run / "factors.csv", problems)
    layers = read_layers(run / "spikes.csv", problems)
    return Curves(logged, {**tracked, **factors}, layers, problems)


def read_metrics(path: Path, problems: list[str]) -> dict[str, Series]:
    """The last value of each column in each epoch."""
    series: dict[str, Series] = {}
    columns, rows = open_rows(path, ["epoch"], problems)

    def take(row: Sequence[str]) -> None:
        filled = {name: float(cell) for name, cell in zip(columns, row) if cell}
        epoch = int(filled.pop("epoch"))
        for name, value in filled.items():
            if math.isfinite(value):  # a training that diverged logs nan
                series.setdefault(name, {})[epoch] = value

    feed(rows, columns, columns, take, f"{path.name}: ", problems)
    series.pop("step", None)
    return series


def read_factors(path: Path, problems: list[str]) -> dict[str, Series]:
    """The mean of each factor over the steps of each epoch."""
    values: dict[tuple[str, str], list[float]] = {}
    wanted = ["name", "epoch", "value"]
    columns, rows = open_rows(path, wanted, problems)

    def take(row: Sequence[str]) -> None:
        name, epoch, text = row
        value = float(text)
        if math.isfinite(value):
            values.setdefault((name, epoch), []).append(value)

    feed(rows, columns, wanted, take, f"{path.name}: ", problems)
    series: dict[str, Series] = {}
    for (name, epoch), found in values.items():
        if epoch.isdigit():
            series.setdefault(name, {})[int(epoch)] = sum(found) / len(found)
    return series


def read_layers(path: Path, problems: list[str]) -> dict[tuple[str, str], tuple[float, ...]]:
    """Firing rate, silent and saturated share of each layer when it was last seen."""
    layers: dict[tuple[str, str], tuple[float, ...]] = {}
    wanted = ["modality", "layer", *SHARES]
    columns, rows = open_rows(path, wanted, problems)

    def take(row: Sequence[str]) -> None:
        layers[row[0], row[1]] = tuple(map(float, row[2:]))

    feed(rows, columns, wanted, take, f"{path.name}: ", problems)
    return layers


def open_rows(
    path: Path, wanted: Sequence[str], problems: list[str]
) -> tuple[list[str], Iterator[list[str]]]:
    """The header of a CSV file and its rows; nothing if it is missing or lacks a column."""
    text = read_whole_lines(path, problems)
    reader = csv.reader((text or "").splitlines())
    columns = next(reader, [])
    if text is not None and set(wanted) - set(columns):
        problems.append(f"{path.name}: {'no header' if columns else 'empty'}")
        return [], iter(())
    return columns, reader


def feed(
    rows: Iterable[list[str]],
    columns: Sequence[str],
    wanted: Sequence[str],
    take: Callable[[Sequence[str]], None],
    prefix: str,
    problems: list[str],
) -> None:
    """Hand the wanted cells of each row to `take`; factor files have millions of rows.

    Args:
        rows: rows of cells.
        columns: their names; with none there is nothing to read.
        wanted: names of the cells that `take` gets, two at least unless they are all.
        take: raises ValueError or KeyError for what it cannot read; such rows are counted.
        prefix: start of the line about them.
        problems: gets that line.
    """
    pick = itemgetter(*map(columns.index, wanted)) if len(columns) > 1 else tuple
    width, damaged = len(columns), 0
    for row in rows:
        if len(row) != width:
            damaged += 1
            continue
        try:
            take(pick(row))
        except (ValueError, KeyError):
            damaged += 1
    if damaged:
        problems.append(f"{prefix}{damaged} damaged row{'s' * (damaged > 1)} left out")


def read_whole_lines(path: Path, problems: list[str]) -> str | None:
    """The text of a file without a last line that a kill cut short; None if there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(f"{path.name}: {error.strerror}")
        return None
    if text and not text.endswith("\n"):
        problems.append(f"{path.name}: last line cut short, the rest is used")
    return text[: text.rfind("\n") + 1]


def from_one(points: Iterable[Point]) -> list[Point]:
    """The same points with epochs counted from 1, as every figure does; logs count from 0."""
    return [point._replace(epoch=point.epoch + 1) for point in points]


def average(many: Iterable[Series]) -> list[Point]:
    """Mean and band over runs, by epoch; an epoch counts the runs that reached it."""
    runs = list(many)
    points = []
    for epoch in sorted(set(chain.from_iterable(runs))):
        summary = summarise([series[epoch] for series in runs if epoch in series])
        if summary is not None:
            spread = summary.deviation if summary.size > 1 else 0.0
            mean = summary.mean
            points.append(Point(epoch, mean, mean - spread, mean + spread))
    return points
