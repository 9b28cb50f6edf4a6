"""Sound of a recording that anyone may have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from datamodules.raw.reads import AbsentError, note
from datamodules.signal.audio import Wave
from datamodules.store.clip import UnreadableClipError
from datamodules.store.folders import FILMS, SOUNDS
from datamodules.store.media import Extent, read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import to_wave
from snn_mm.errors import UserError
from snn_mm.reading.text import check_regular

HEARD = FILMS | SOUNDS
"""Suffixes of files that may have a sound track."""

LONGEST = 600.0
"""Seconds of sound that are decoded at most where all of it counts."""


@contextmanager
def as_mistake() -> Iterator[None]:
    """Make what is wrong with a clip a user's mistake."""
    try:
        yield
    except UnreadableClipError as error:
        raise UserError(str(error)) from error


def extent_of(path: Path) -> Extent:
    """Where picture and sound of a file end, in seconds; 0 where there is none.

    Raises:
        UserError: it is missing, damaged or cut off.
    """
    check_regular(path)
    with as_mistake():
        return read_extent(path)


def sound_of(path: Path, seconds: float | None = None) -> tuple[int, Wave]:
    """The sampling rate in Hz and the sound `[samples]` of a file, its channels averaged.

    Args:
        path: a film or a sound.
        seconds: how much of its beginning is needed; None is all of it.

    Raises:
        AbsentError: there is no sound track.
        UserError: the file can't be read, or is longer than can be taken whole.
    """
    extent = extent_of(path)
    if not extent.sound:
        raise AbsentError("no sound")
    if seconds is None and extent.sound > LONGEST:
        raise UserError(f"{path.name}: {extent.sound:.0f} s of sound; accepted are {LONGEST:g} s")
    with as_mistake():
        rate, sound = read_sound(path, 0.0, seconds)
    return rate, to_wave(sound)


def sound_at(path: Path, sample_rate: int) -> Wave:
    """The whole sound `[samples]` of a file, resampled; says where it was.

    Raises:
        AbsentError: there is no sound track.
        UserError: the file can't be read, or is longer than can be taken whole.
    """
    from torchaudio.functional import resample  # here, because most files need none

    rate, wave = sound_of(path)
    if rate == sample_rate:
        return wave
    note(f"is resampled from {rate:,} to {sample_rate:,} Hz", path.name)
    resampled: Wave = resample(torch.from_numpy(wave), rate, sample_rate).numpy()
    return resampled
