"""The prepared form of a data set: sound and frames of many clips, read at random."""

from __future__ import annotations

import io
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.store.digests import find_damage
from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array
from snn_mm.reading.json_files import json_object
from snn_mm.reading.text import naming, reason

LAYOUT = 1
"""Raised whenever stores of an earlier release must not be read any more."""

STORE, JOURNAL = "store.json", "journal.jsonl"
CLIPS, FRAMES = "clips.npy", "frames.npy"
SOUND_DATA, FRAME_DATA = "sound.bin", "frames.bin"

SOUND_TYPE = np.dtype("<i2")
FULL_SCALE = 32768
"""The stored value that stands for a sound pressure of 1."""

KEYS: dict[str, type] = {
    "ids": list,
    "parts": list,
    "class_names": list,
    "fingerprint": str,
    "unreadable": int,
}
"""What `store.json` must have, beside its layout."""

MOST_BYTES = 1 << 48
"""A number in a damaged table may be so large that a sum of two of them is negative."""

CLIP_TYPE = np.dtype(
    [(name, "<i8") for name in ("label", "sample_rate", "sound_at", "samples", "frame", "frames")]
)
"""A row of `clips.npy`: `sound_at` is a byte of sound.bin, `frame` a row of frames.npy."""

FRAME_TYPE = np.dtype([(name, "<i8") for name in ("at", "bytes")])
"""A row of `frames.npy`: where in frames.bin a JPEG lies."""


class ClipStore:
    """Reads a finished store.

    It may be handed to workers, forked or spawned. Reads name their position, so that processes
    which share an open file don't disturb each other.

    Args:
        directory: such as `data/prepared/crema_d`.

    Attributes:
        ids: names of the clips, sorted.
        parts: for each clip the part that the official list puts it in, "" if none does.
        class_names: K names.
        options: how the clips were decoded, fields of `DecodeOptions`.
        fingerprint: 16 hexadecimal digits that change when any clip, label or part changes.
        unreadable: number of clips left out because they could not be read; `unreadable.tsv` names
            them.

    Raises:
        UserError: there is no finished store, or it is damaged.
    """

    is_local = True
    """Whether reading a clip makes no request."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        if not (self.directory / STORE).is_file():
            raise UserError(_missing(self.directory))
        try:
            manifest = json_object(self.directory / STORE, KEYS)
            # Small, so in memory: nothing that becomes of the files can end the process.
            tables = (map_array(self.directory / name) for name in (CLIPS, FRAMES))
            self._clips, self._frames = map(np.array, tables)
            self.ids, self.parts, self.class_names = (
                texts(manifest[key], key) for key in ("ids", "parts", "class_names")
            )
            self.fingerprint: str = manifest["fingerprint"]
            self.unreadable: int = manifest["unreadable"]
            self.options: dict[str, Any] = dict(manifest.get("options", {}))
            is_whole = self._is_whole()
        except Exception as error:  # damaged arrays raise errors of many kinds
            raise UserError(_damaged(self.directory, reason(error))) from error
        if (layout := manifest.get("layout")) != LAYOUT:
            raise UserError(_damaged(self.directory, f"layout {layout} is not {LAYOUT}"))
        damage = find_damage(self.directory) if is_whole else "files are shorter than they were"
        if damage:
            raise UserError(_damaged(self.directory, damage))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.directory,)

    def __len__(self) -> int:
        return len(self._clips)

    @property
    def labels(self) -> NDArray[np.int64]:
        """For each clip the index of its class, `[N]`."""
        return np.ascontiguousarray(self._clips["label"])

    def sample_rate(self, row: int) -> int:
        """Return the sampling rate of a clip's sound, in Hz."""
        return int(self._clips[row]["sample_rate"])

    def wave(self, row: int) -> NDArray[np.float32]:
        """Return the sound of a clip `[samples]`, one channel between -1 and 1."""
        return to_wave(np.frombuffer(self._sound_bytes(row), SOUND_TYPE))

    def frame_count(self, row: int) -> int:
        """Return the number of frames of a clip."""
        return int(self._clips[row]["frames"])

    def frame(self, row: int, index: int) -> NDArray[np.uint8]:
        """Return one frame of a clip, `[H, W, 3]`.

        Raises:
            IndexError: the clip has no such frame.
        """
        if not 0 <= index < self.frame_count(row):
            raise IndexError(f"frame {index} of a clip with {self.frame_count(row)} frames")
        data = self._frame_bytes(row, index)
        with (
            naming(self.directory / FRAME_DATA, f"frame {index} of '{self.ids[row]}' is damaged"),
            Image.open(io.BytesIO(data)) as image,
        ):
            return np.asarray(image.convert("RGB"))

    def _sound_bytes(self, row: int) -> bytes:
        clip = self._clips[row]
        size = int(clip["samples"]) * SOUND_TYPE.itemsize
        return _read(self._sound_file, int(clip["sound_at"]), size)

    def _frame_bytes(self, row: int, index: int) -> bytes:
        entry = self._frames_of(row)[index]
        return _read(self._frame_file, int(entry["at"]), int(entry["bytes"]))

    def _frames_of(self, row: int) -> NDArray[Any]:
        """Rows of `frames.npy` of a clip."""
        first, count = int(self._clips[row]["frame"]), int(self._clips[row]["frames"])
        return self._frames[first : first + count]

    def _file_size(self, name: str) -> int:
        return (self.directory / name).stat().st_size

    @cached_property
    def _sound_file(self) -> io.FileIO:
        return io.FileIO(self.directory / SOUND_DATA)

    @cached_property
    def _frame_file(self) -> io.FileIO:
        return io.FileIO(self.directory / FRAME_DATA)

    def _is_whole(self) -> bool:
        """Whether every clip lies inside the files."""
        if self._clips.dtype != CLIP_TYPE or self._frames.dtype != FRAME_TYPE:
            return False
        sound_end = self._clips["sound_at"] + self._clips["samples"] * SOUND_TYPE.itemsize
        frames_end = self._frames["at"] + self._frames["bytes"]
        columns = [self._clips[name] for name in CLIP_TYPE.names or ()]
        columns += [self._frames[name] for name in FRAME_TYPE.names or ()]
        return (
            len(self._clips) == len(self.ids) == len(self.parts) > 0
            and all(int(x.min()) >= 0 and int(x.max()) < MOST_BYTES for x in columns)
            and int((self._clips["frame"] + self._clips["frames"]).max()) <= len(self._frames)
            and int(self._clips["label"].max()) < len(self.class_names)
            and int(sound_end.max()) <= self._file_size(SOUND_DATA)
            and int(frames_end.max()) <= self._file_size(FRAME_DATA)
        )


def to_wave(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return stored sound `[samples]` as a wave between -1 and 1."""
    return sound.astype(np.float32) / np.float32(FULL_SCALE)


def texts(values: list[Any], key: str) -> list[str]:
    """A list of texts, as it is.

    Raises:
        ValueError: it holds something else.
    """
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"'{key}' holds other things than texts")
    return values


def _read(file: io.FileIO, offset: int, size: int) -> bytes:
    """Read without moving the position that forked processes share."""
    data = os.pread(file.fileno(), size, offset)
    if len(data) < size:
        raise UserError(f"Prepared data {file.name!s} is damaged: it ends inside a clip.")
    return data


def _missing(directory: Path) -> str:
    state = "is not finished" if (directory / JOURNAL).is_file() else "is missing"
    return f"Prepared data {directory} {state}. Prepare it:\n{_command(directory)}"


def check_whole(directory: Path) -> None:
    """Read a store whole.

    Raises:
        UserError: a block is not as it was written.
    """
    if damage := find_damage(directory, whole=True):
        raise UserError(_damaged(directory, damage))


def _damaged(directory: Path, reason: str) -> str:
    again = f"Prepare it again:\n{_command(directory)} --update"
    return f"Prepared data {directory} is damaged ({reason}). {again}"


def _command(directory: Path) -> str:
    return f"snnmm prepare {directory.name} --source DIR --root {directory.parent.parent}"
