"""The table itself: a line a sample, a column a modality."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.pairing import Rows
from snn_mm.errors import UserError
from snn_mm.reading.text import numbered_rows

ID, LABEL, GROUP, SPLIT = "id", "label", "group", "split"
OWN = (ID, LABEL, GROUP, SPLIT)
"""Columns that are no modalities."""

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class TableRow:
    """One sample.

    Attributes:
        line: where it stands in the table.
        cells: what stands in each column, stripped.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class TableFile:
    """A table that was read and checked.

    Attributes:
        path: the file; paths in it are relative to its folder.
        rows: one a sample.
        columns: names of all columns.
    """

    path: Path
    rows: Sequence[TableRow]
    columns: Sequence[str]

    def cells(self, column: str) -> list[str]:
        """What stands in a column; nothing where there is no such column."""
        return [row.cells.get(column, "") for row in self.rows]

    @property
    def ids(self) -> list[str]:
        """The name of each sample: its id, else its line."""
        return [row.cells.get(ID) or f"line{row.line}" for row in self.rows]

    @property
    def groups(self) -> list[str] | None:
        """The group of each sample; None without such a column."""
        return self.cells(GROUP) if GROUP in self.columns else None

    @property
    def class_names(self) -> list[str]:
        """All labels, in the order of numbers if they are some, else of letters."""
        names = set(self.cells(LABEL))
        are_numbers = all(re.fullmatch(r"-?\d{1,9}", name) for name in names)
        return sorted(names, key=int) if are_numbers else sorted(names)

    @property
    def labels(self) -> Rows:
        """The class of each sample, `[n]`."""
        index = {name: k for k, name in enumerate(self.class_names)}
        return np.array([index[label] for label in self.cells(LABEL)], np.int64)

    @property
    def parts(self) -> list[str] | None:
        """The split of each sample; None where the table says nothing of splits."""
        parts = self.cells(SPLIT)
        return parts if any(parts) else None

    def mistake(self, row: TableRow, column: str, what: str) -> UserError:
        """What is wrong in a cell."""
        return UserError(f"{self.path}:{row.line}: column {column}: {what}")


def read_table(path: Path) -> TableFile:
    """Read a table.

    Raises:
        UserError: it can't be read, or a cell is wrong; names line and column.
    """
    lines = list(numbered_rows(path, [LABEL]))
    header = [name.strip() for name in lines[0][1]] if lines else []
    if twice := [name for name, count in Counter(header).items() if count > 1 or not name]:
        raise UserError(f"{path}:1: column '{twice[0]}'; accepted: a name for each column, once")
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise UserError(
                f"{path}:{line}: {len(cells)} cells; the first line names {len(header)}"
            )
        rows.append(TableRow(line, dict(zip(header, (cell.strip() for cell in cells)))))
    table = TableFile(path, rows, header)
    _check_cells(table)
    return table


def _check_cells(table: TableFile) -> None:
    """Refuse samples without label or group, of no known split, or with the id of another."""
    if not table.rows:
        raise UserError(f"{table.path}: no sample below the first line")
    seen: dict[str, int] = {}
    has_parts = table.parts is not None
    for row, name in zip(table.rows, table.ids):
        for column in (LABEL, GROUP):
            if column in table.columns and not row.cells[column]:
                raise table.mistake(row, column, "empty; accepted: a name")
        if has_parts and row.cells[SPLIT] not in PARTS:
            found = row.cells[SPLIT][:40] or "empty"
            raise table.mistake(row, SPLIT, f"{found}; accepted: {', '.join(PARTS)}")
        if name in seen:
            raise table.mistake(row, ID, f"'{name}' is that of line {seen[name]} too")
        seen[name] = row.line
