"""Reads what a run logged over its epochs, and averages it over runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
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

    def take(row: dict[str, str]) -> None:
        epoch = int(row.pop("epoch"))
        for name, cell in row.items():
            if cell and name != "step":
                series.setdefault(name, {})[epoch] = float(cell)

    read_rows(path, ("epoch",), take, problems)
    return series


def read_factors(path: Path, problems: list[str]) -> dict[str, Series]:
    """The mean of each factor over the steps of each epoch."""
    sums: dict[tuple[str, int], list[float]] = {}

    def take(row: dict[str, str]) -> None:
        value = float(row["value"])
        total = sums.setdefault((row["name"], int(row["epoch"])), [0.0, 0.0])
        total[0] += value
        total[1] += 1

    read_rows(path, ("epoch", "name", "value"), take, problems)
    series: dict[str, Series] = {}
    for (name, epoch), (total, count) in sums.items():
        series.setdefault(name, {})[epoch] = total / count
    return series


def read_layers(path: Path, problems: list[str]) -> dict[tuple[str, str], tuple[float, ...]]:
    """Firing rate, silent and saturated share of each layer when it was last seen."""
    layers: dict[tuple[str, str], tuple[float, ...]] = {}

    def take(row: dict[str, str]) -> None:
        shares = tuple(float(row[share]) for share in SHARES)
        layers[row["modality"], row["layer"]] = shares

    read_rows(path, ("modality", "layer", *SHARES), take, problems)
    return layers


def read_rows(
    path: Path,
    wanted: Sequence[str],
    take: Callable[[dict[str, str]], None],
    problems: list[str],
) -> None:
    """Hand each row of a CSV file to `take`, by column.

    Args:
        path: a missing file has no rows.
        wanted: columns that it must have.
        take: raises ValueError for a cell it cannot read; such rows are counted.
        problems: gets a line for each thing that is wrong.
    """
    text = read_whole_lines(path, problems)
    if text is None:
        return
    reader = csv.reader(text.splitlines())
    columns = next(reader, [])
    if set(wanted) - set(columns):
        problems.append(f"{path.name}: {'no header' if columns else 'empty'}")
        return
    damaged = 0
    for row in reader:
        try:
            take(dict(zip(columns, row, strict=True)))
        except ValueError:
            damaged += 1
    if damaged:
        problems.append(f"{path.name}: {damaged} damaged row{'s' * (damaged > 1)} left out")


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
