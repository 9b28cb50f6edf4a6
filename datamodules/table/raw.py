"""Files that stand in no table, of the kinds of one that a run trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.raw.arrays import NUMBERS, numbers_of
from datamodules.raw.reads import AbsentError, Place, RawReader, note
from datamodules.raw.recordings import HEARD, as_mistake, extent_of
from datamodules.signal.audio import LogMel
from datamodules.split import FeatureScale
from datamodules.store.folders import FILMS, IMAGES
from datamodules.table.files import (
    EVENT_FILES,
    Cell,
    FileOptions,
    Kind,
    count_events,
    kind_of,
    read_event_list,
    read_spectrogram,
    read_values,
    seconds_of,
)
from datamodules.table.reading import ONE
from datamodules.table.split import finished
from snn_mm.errors import UserError

ARRAYS = frozenset({".npy", ".npz"})
SUFFIXES: dict[str, frozenset[str]] = {
    "vector": NUMBERS,
    "sequence": NUMBERS,
    "picture": IMAGES | ARRAYS,
    "film": FILMS | ARRAYS,
    "sound": HEARD,
    "events": EVENT_FILES | {".npz"},
}
"""By kind those of files that may hold it."""


@dataclass(frozen=True)
class FileReader:
    """Makes the input of a modality from a file.

    Attributes:
        kind: what the column had.
        shape: of its stored values, without steps.
        scale: what they are shifted and scaled by; None is by nothing.
        options: how files become inputs.
    """

    kind: Kind
    shape: tuple[int, ...]
    scale: FeatureScale | None
    options: FileOptions

    def __call__(self, place: Place, sample: str) -> NDArray[np.float32]:
        """Read an input, without batch dimension."""
        with as_mistake():
            values = self._values(place)
        piece = values[None] if self.kind in ONE else values
        if piece.shape[1:] != self.shape:
            raise UserError(
                f"{place.path.name}: {place.modality} is {list(piece.shape[1:])}; "
                f"accepted is {list(self.shape)}"
            )
        return finished(piece, self.kind, self.scale)

    def _values(self, place: Place) -> NDArray[Any]:
        """What the table would have stored of the file."""
        cell = Cell(place.path, place.key)
        if self.kind in ("vector", "sequence"):
            steps = () if self.kind == "vector" else (None,)
            return numbers_of(place, (*steps, *self.shape)).astype(np.float32)
        if self.kind == "sound":
            return self._sound(cell)
        if self.kind == "events":
            return self._events(cell)
        if self.kind == "film" and place.path.suffix.lower() not in ARRAYS:
            if not extent_of(place.path).picture:
                raise AbsentError("no picture")
        elif (found := kind_of(cell)) != self.kind:
            raise UserError(f"{place.path.name}: a {found}; accepted is a {self.kind}")
        return read_values(self.kind, cell, self.options)

    def _sound(self, cell: Cell) -> NDArray[np.float32]:
        if not extent_of(cell.path).sound:
            raise AbsentError("no sound")
        options = self.options
        made = LogMel(
            options.sample_rate, 2 * options.hop, options.hop, options.bands, self.shape[-1]
        )
        seconds = made.samples / made.sample_rate
        if seconds_of(cell) > seconds:
            note(f"is longer than {seconds:.3g} s of sound; both ends are cut", cell.path.name)
        return read_spectrogram(cell, made)

    def _events(self, cell: Cell) -> NDArray[np.uint8]:
        events, (height, width) = read_event_list(cell), self.shape[-2:]
        if events.x.max() >= width or events.y.max() >= height:
            raise UserError(
                f"{cell.path.name}: an event at ({events.x.max()}, {events.y.max()}); the sensor "
                f"of the training data has {width} x {height} pixels"
            )
        return count_events(events, self.options.time_steps, (height, width))


def file_readers(
    columns: Mapping[str, Mapping[str, Any]], options: FileOptions
) -> dict[str, RawReader]:
    """How files become inputs, by modality.

    Args:
        columns: what `StoredInputs.record` said of each.
        options: how files become inputs.

    Raises:
        UserError: features were standardised by group, which nobody knows of further files.
    """
    readers = {}
    for name, said in columns.items():
        if said["by_group"]:
            raise UserError(
                f"data.standardise was each_group: the group of a file is not known ({name})\n"
                "accepted: a run with data.standardise training_part or none"
            )
        scale = said["scales"].get("")
        own = None if scale is None else FeatureScale.of_record(scale)
        reader = FileReader(said["kind"], tuple(said["shape"]), own, options)
        readers[name] = RawReader(reader, SUFFIXES[said["kind"]])
    return readers
