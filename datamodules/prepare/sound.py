"""Decodes sound to one channel of 16-bit samples."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from datamodules.prepare.clip import ClipNote, UnreadableClipError
from datamodules.prepare.media import between, reading, seek, time_zero
from datamodules.prepare.store import FULL_SCALE

LOUDEST = 2.0
"""Peaks above it, in full scales, are no rounding of a codec: clipping them is worth a note."""

SOUND_LEAD = 0.5
"""Seconds of sound decoded before the start of a clip: codecs need some packets to settle."""


def read_sound(path: Path, start: float, end: float | None) -> tuple[int, NDArray[np.int16]]:
    """Decode the sound between two times, its channels averaged.

    Returns:
        The sampling rate in Hz, and samples `[samples]` of which 32768 stands for 1.

    Raises:
        UnreadableClipError: there is no sound, it is damaged, or it holds NaN or infinity.
    """
    with reading(path) as file:
        if not file.streams.audio:
            raise UnreadableClipError(f"{path.name} has no sound")
        rate, chunks, peak = 0, [], 0.0
        for frame, begin in _sound_frames(file, start, end):
            rate = frame.sample_rate
            wave = frame.to_ndarray().mean(axis=0)  # [channels, samples] -> [samples]
            first = max(0, round((start - begin) * rate))
            last = None if end is None else max(0, round((end - begin) * rate))
            loudest = float(np.abs(wave[first:last]).max(initial=0.0))
            if not math.isfinite(loudest):
                raise UnreadableClipError(f"{path.name} holds NaN or infinity near {begin:.1f} s")
            peak = max(peak, loudest)
            chunks.append(_to_int16(wave[first:last]))
    if not sum(map(len, chunks)):
        raise UnreadableClipError(f"{path.name} has no sound{between(start, end)}")
    if peak > LOUDEST:
        reason = f"louder than {LOUDEST:g} times full scale, and clipped there"
        warnings.warn(ClipNote(reason, path.name), stacklevel=2)
    return rate, np.concatenate(chunks)


def _sound_frames(
    file: InputContainer, start: float, end: float | None
) -> Iterator[tuple[av.AudioFrame, float]]:
    """Yield frames of floating-point sound with the seconds at which they begin."""
    zero, resampler = time_zero(file), av.AudioResampler("fltp")
    if start > SOUND_LEAD:
        seek(file, zero + start - SOUND_LEAD)
    clock = 0.0
    for decoded in file.decode(file.streams.audio[0]):
        clock = clock if decoded.time is None else decoded.time - zero
        if end is not None and clock >= end:
            return
        for frame in resampler.resample(decoded):
            yield frame, clock
        clock += decoded.samples / decoded.sample_rate


def _to_int16(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = np.rint(wave * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
