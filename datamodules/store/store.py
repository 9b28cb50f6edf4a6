"""The prepared form of a data set: sound and frames of many clips, read at random."""

from __future__ import annotations

import io
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from snn_mm.errors import UserError

LAYOUT = 1
"""Raised whenever stores of an earlier release must not be read any more."""

STORE, JOURNAL = "store.json", "journal.jsonl"
CLIPS, FRAMES = "clips.npy", "frames.npy"
SOUND_DATA, FRAME_DATA = "sound.bin", "frames.bin"

SOUND_TYPE = np.dtype("<i2")
FULL_SCALE = 32768
"""The stored value that stands for a sound pressure of 1."""

CLIP_TYPE = np.dtype(
    [(name, "<i8") for name in ("label", "sample_rate", "sound_at", "samples", "frame", "frames")]
)
"""A row of `clips.npy`: `sound_at` is a byte of sound.bin, `frame` a row of frames.npy."""

FRAME_TYPE = np.dtype([(name, "<i8") for name in ("at", "bytes")])
"""A row of `frames.npy`: where in frames.bin a JPEG lies."""


class ClipStore:
    """Reads a finished store.

    Opening is cheap and happens at first use in each process, so that a store may be handed to
    workers, forked or spawned. Reads name their position, so that processes which share an open
    file don't disturb each other.

    Args:
        directory: such as `data/prepared/crema_d`.

    Raises:
        UserError: there is no finished store, or it is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self._check()

    def __getstate__(self) -> dict[str, Any]:
        return {"directory": self.directory}

    def __len__(self) -> int:
        return len(self._clips)

    @property
    def ids(self) -> list[str]:
        """Names of the clips, sorted."""
        names: list[str] = self._manifest["ids"]
        return names

    @property
    def parts(self) -> list[str]:
        """For each clip the part that the official list puts it in, "" if none does."""
        parts: list[str] = self._manifest["parts"]
        return parts

    @property
    def labels(self) -> NDArray[np.int64]:
        """For each clip the index of its class, `[N]`."""
        return np.ascontiguousarray(self._clips["label"])

    @property
    def class_names(self) -> list[str]:
        """Names of the classes."""
        names: list[str] = self._manifest["class_names"]
        return names

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when any clip, label or part changes."""
        return str(self._manifest["fingerprint"])

    @property
    def unreadable(self) -> int:
        """Number of clips left out because they could not be read; `unreadable.tsv` names them."""
        return int(self._manifest["unreadable"])

    def sample_rate(self, row: int) -> int:
        """Return the sampling rate of a clip's sound, in Hz."""
        return int(self._clips[row]["sample_rate"])

    def wave(self, row: int) -> NDArray[np.float32]:
        """Return the sound of a clip `[samples]`, one channel between -1 and 1."""
        clip = self._clips[row]
        size = int(clip["samples"]) * SOUND_TYPE.itemsize
        data = _read(self._sound_file, int(clip["sound_at"]), size)
        return to_wave(np.frombuffer(data, SOUND_TYPE))

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
        place = self._frames[self._clips[row]["frame"] + index]
        data = _read(self._frame_file, int(place["at"]), int(place["bytes"]))
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.directory / STORE).read_text())
        return content

    @cached_property
    def _clips(self) -> NDArray[Any]:
        return _open_array(self.directory / CLIPS)

    @cached_property
    def _frames(self) -> NDArray[Any]:
        return _open_array(self.directory / FRAMES)

    @cached_property
    def _sound_file(self) -> io.FileIO:
        return io.FileIO(self.directory / SOUND_DATA)

    @cached_property
    def _frame_file(self) -> io.FileIO:
        return io.FileIO(self.directory / FRAME_DATA)

    def _check(self) -> None:
        """Refuse what is not a finished, whole store of this layout."""
        if not (self.directory / STORE).is_file():
            raise UserError(_missing(self.directory))
        try:
            layout, whole = self._manifest.get("layout"), self._is_whole()
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise UserError(_damaged(self.directory, str(error))) from error
        if layout != LAYOUT:
            raise UserError(_damaged(self.directory, f"layout {layout} is not {LAYOUT}"))
        if not whole:
            raise UserError(_damaged(self.directory, "files are shorter than they were"))

    def _is_whole(self) -> bool:
        """Whether every clip lies inside the files."""
        sound_end = self._clips["sound_at"] + self._clips["samples"] * SOUND_TYPE.itemsize
        frames_end = self._frames["at"] + self._frames["bytes"]
        return (
            len(self._clips) == len(self.ids) == len(self.parts) > 0
            and int(sound_end.max()) <= (self.directory / SOUND_DATA).stat().st_size
            and int(frames_end.max()) <= (self.directory / FRAME_DATA).stat().st_size
        )


def to_wave(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return stored sound `[samples]` as a wave between -1 and 1."""
    return sound.astype(np.float32) / np.float32(FULL_SCALE)


def _open_array(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _read(file: io.FileIO, offset: int, size: int) -> bytes:
    """Read without moving the position that forked processes share."""
    data = os.pread(file.fileno(), size, offset)
    if len(data) < size:
        raise UserError(f"Prepared data {file.name!s} is damaged: it ends inside a clip.")
    return data


def _missing(directory: Path) -> str:
    state = "is not finished" if (directory / JOURNAL).is_file() else "is missing"
    return (
        f"Prepared data {directory} {state}. Prepare it:\n"
        f"snnmm prepare {directory.name} --source DIR --root {directory.parent.parent}"
    )


def _damaged(directory: Path, reason: str) -> str:
    return (
        f"Prepared data {directory} is damaged ({reason}). Prepare it again:\n"
        f"snnmm prepare {directory.name} --source DIR --root {directory.parent.parent} --update"
    )
