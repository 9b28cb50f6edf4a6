"""CSV tables that grow by the epoch, and lose the epochs that a resumed run does again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from snn_mm.reading.text import naming, read_rows
from snn_mm.run.replace import appending, replacing

Row = dict[str, str]


class EpochTable:
    """A CSV file with a column `epoch`.

    Rows are appended in one write. A line that a kill cut short is not read, and gone after the
    next `keep`, which replaces the file in one step.

    Args:
        path: the file; it need not exist yet.
        columns: names of the columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows, whose cells stand in the order of the columns; make the folder if needed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.is_file()
        with appending(self.path) as file:
            csv.writer(file).writerows([self.columns, *rows] if is_new else rows)

    def rows(self) -> Iterator[Row]:
        """Every whole row by column; none if there is no file."""
        rows = read_rows(self.path, whole=True) if self.path.is_file() else iter(())
        columns = next(rows, [])
        for row in rows:
            if len(row) == len(columns):
                yield dict(zip(columns, row))

    def keep(self, is_wanted: Callable[[Row], bool]) -> None:
        """Drop the rows that are not wanted; nothing if there is no file."""
        if not self.path.is_file():
            return
        with (
            replacing(self.path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self._wanted(is_wanted))

    def _wanted(self, is_wanted: Callable[[Row], bool]) -> Iterator[Row]:
        """The rows that are wanted, one in memory at a time: factors have millions."""
        with naming(self.path, "is no table of epochs, or damaged"):
            for row in self.rows():
                if unknown := row.keys() - set(self.columns):
                    raise ValueError(f"unknown column {min(unknown)[:60]}")
                if is_wanted(row):
                    yield row

    def drop_from(self, first: int, column: str = "epoch") -> None:
        """Drop the rows of this epoch, or of this number of another column, and later ones."""
        self.keep(lambda row: int(row[column]) < first)
