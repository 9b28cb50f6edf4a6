"""The finished points of a landscape as a CSV file that a kill leaves usable."""

from __future__ import annotations

import os
from pathlib import Path

from snn_mm.analysis.landscape.probe import Value
from snn_mm.analysis.landscape.settings import Point
from snn_mm.reading.text import naming, read_rows
from snn_mm.run.directory import write_text
from snn_mm.run.replace import appending

COLUMNS = ("x", "y", "loss", "accuracy")

Values = dict[Point, Value]


class PointTable:
    """Points by their place on the grid, each written as soon as it is known.

    Args:
        path: the CSV file; what it holds already is read, a last line that was cut short is not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values = read_values(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, format_values(self.values))

    def add(self, point: Point, value: Value) -> None:
        """Keep a point, on the disk as well."""
        self.values[point] = value
        with appending(self.path) as file:
            file.write(_line(point, value))
            file.flush()
            os.fsync(file.fileno())

    def finish(self, points: list[Point]) -> None:
        """Bring the points into the order of the grid, whatever order they were computed in."""
        self.values = {point: self.values[point] for point in points}
        write_text(self.path, format_values(self.values))


def read_values(path: Path) -> Values:
    """The whole lines of a file; none if there is no file."""
    rows = read_rows(path, COLUMNS, whole=True) if path.is_file() else iter(())
    order = list(map(next(rows, list(COLUMNS)).index, COLUMNS))
    with naming(path, "is no table of points"):
        points = [[float(row[column]) for column in order] for row in rows]
    return {(x, y): Value(loss, accuracy) for x, y, loss, accuracy in points}


def format_values(values: Values) -> str:
    """The content of the file."""
    return ",".join(COLUMNS) + "\n" + "".join(_line(*item) for item in values.items())


def _line(point: Point, value: Value) -> str:
    return ",".join(repr(float(number)) for number in (*point, *value)) + "\n"
