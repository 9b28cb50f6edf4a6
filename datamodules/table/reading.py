"""Reads the files of a column, once, and keeps them in prepared arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.store.clip import UnreadableClipError
from datamodules.table.files import (
    LONGEST,
    Array,
    Cell,
    FileOptions,
    Kind,
    count_events,
    kind_of,
    log_mel,
    parse_cell,
    read_array,
    read_event_list,
    read_spectrogram,
    read_values,
    seconds_of,
)
from datamodules.table.rows import TableFile, TableRow
from snn_mm.errors import UserError

ONE: frozenset[Kind] = frozenset({"vector", "picture", "sound", "events"})
"""Kinds of one array a sample; the others have steps of their own number."""


@dataclass(frozen=True)
class Column:
    """A modality of a table.

    Attributes:
        table: the table.
        name: of the column.
    """

    table: TableFile
    name: str

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which samples have it, `[n]`."""
        return np.array([bool(cell) for cell in self.table.cells(self.name)])

    def cells(self) -> Iterator[tuple[TableRow, Cell]]:
        """What the cells that are not empty name."""
        for row in self.table.rows:
            if text := row.cells[self.name]:
                yield row, parse_cell(text, self.table.path.parent)

    def kind(self) -> Kind:
        """The kind of the first input that is there.

        Raises:
            UserError: there is none, or its file is of no known kind.
        """
        for row, cell in self.cells():
            with self.naming(row):
                return kind_of(cell)
        raise UserError(f"{self.table.path}: column {self.name} is empty; accepted: some input")

    def first_shape(self, kind: Kind) -> tuple[int, ...]:
        """The shape of the first array; of pictures and films what matters of it: `[3, H, W]`."""
        for row, cell in self.cells():
            with self.naming(row):
                is_array = cell.path.suffix.lower() in (".npy", ".npz")
                return read_array(cell).shape if is_array else (3, 1, 1)
        raise UserError(f"{self.table.path}: column {self.name} is empty; accepted: some {kind}")

    @contextmanager
    def naming(self, row: TableRow) -> Iterator[None]:
        """Say in which cell it was that a file can't be read."""
        try:
            yield
        except (UserError, UnreadableClipError) as error:
            raise self.table.mistake(row, self.name, str(error)) from error

    def read(self, kind: Kind, options: FileOptions) -> dict[str, Array]:
        """All inputs end to end, `values` `[sum of steps, ...]`, and where each sample's begin.

        Raises:
            UserError: a file can't be read, or is of another kind or shape than the first.
        """
        if kind == "events":
            found = self._events(options)
        elif kind == "sound":
            found = self._sounds(options)
        else:
            found = self._arrays(kind, options)
        steps, pieces = np.zeros(len(self.table.rows), np.int64), []
        first: tuple[int, tuple[int, ...]] | None = None
        lines = {row.line: place for place, row in enumerate(self.table.rows)}
        for row, values in found:
            piece = values[None] if kind in ONE else values
            first = first or (row.line, piece.shape[1:])
            if piece.shape[1:] != first[1]:
                shapes = f"{list(piece.shape[1:])}, where line {first[0]} has {list(first[1])}"
                raise self.table.mistake(row, self.name, f"an input of shape {shapes}")
            steps[lines[row.line]] = len(piece)
            pieces.append(piece)
        starts = np.concatenate([[0], np.cumsum(steps)])
        return {"values": np.concatenate(pieces), "starts": starts}

    def _arrays(self, kind: Kind, options: FileOptions) -> Iterator[tuple[TableRow, Array]]:
        for row, cell in self.cells():
            with self.naming(row):
                if (found := kind_of(cell)) != kind:
                    raise UserError(f"a {found}, where others are {kind}s")
                values = read_values(kind, cell, options)
            yield row, values

    def _sounds(self, options: FileOptions) -> Iterator[tuple[TableRow, Array]]:
        seconds = options.seconds or min(LONGEST, max(self._each(seconds_of)))
        for row, cell in self.cells():
            with self.naming(row):
                spectrogram = read_spectrogram(cell, log_mel(options, seconds))
            yield row, spectrogram

    def _events(self, options: FileOptions) -> Iterator[tuple[TableRow, Array]]:
        """Counts of events on a sensor as large as all pixels that fired."""
        sizes = self._each(lambda cell: _extent(cell))
        height, width = (max(size[axis] for size in sizes) + 1 for axis in (0, 1))
        for row, cell in self.cells():
            with self.naming(row):
                counts = count_events(read_event_list(cell), options.time_steps, (height, width))
            yield row, counts

    def _each(self, read: Any) -> list[Any]:
        found = []
        for row, cell in self.cells():
            with self.naming(row):
                found.append(read(cell))
        return found


def _extent(cell: Cell) -> tuple[int, int]:
    """The last row and column of pixels that fired."""
    events = read_event_list(cell)
    return int(events.y.max()), int(events.x.max())


def inventory(columns: Iterable[Column]) -> str:
    """A digest of all files' names, sizes and times: other files, other prepared arrays.

    Raises:
        UserError: a file is missing; names its cell.
    """
    sha, seen = hashlib.sha256(), set[Path]()
    for column in columns:
        for row, cell in column.cells():
            sha.update(f"{column.name} {row.line} {cell.path} {cell.key}\n".encode())
            if cell.path in seen:
                continue
            seen.add(cell.path)
            try:
                status = cell.path.stat()
            except OSError as error:
                raise column.table.mistake(
                    row, column.name, f"{cell.path} can't be read: {error.strerror}"
                ) from error
            sha.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return sha.hexdigest()


def check_all_absent(table: TableFile, columns: Mapping[str, Column]) -> None:
    """Refuse a sample that has no modality at all.

    Raises:
        UserError: names its line and id.
    """
    some = np.any([column.present for column in columns.values()], axis=0)
    if len(lacking := np.flatnonzero(~some)):
        row, name = table.rows[lacking[0]], table.ids[lacking[0]]
        raise UserError(
            f"{table.path}:{row.line}: sample '{name}' has none of {', '.join(columns)}"
        )
