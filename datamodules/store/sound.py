"""Decodes sound to one channel of 16-bit samples."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from datamodules.store.clip import ClipNote, UnreadableClipError
from datamodules.store.media import between, reading, seek, time_zero
from datamodules.store.store import FULL_SCALE

LOUDEST = 2.0
"""Peaks above it, in full scales, are no rounding of a codec: clipping them is worth a note."""

SOUND_LEAD = 0.5
"""Seconds of sound decoded before the start of a clip: codecs need some packets to settle."""

STAMP_SLACK = 0.04
"""Seconds by which a time stamp may differ from where the samples before it end.

Stamps are rounded, and clocks drift. From here on the ear leads or lags the eye (EBU R 37), so that
there is a gap, or samples that were there before.
"""


def read_sound(path: Path, start: float, end: float | None) -> tuple[int, NDArray[np.int16]]:
    """Decode the sound between two times, its channels averaged.

    Time stamps decide where samples belong: where a film has no sound yet, or none for a while, is
    silence. What comes after its last sample is not filled up.

    Returns:
        The sampling rate in Hz, and samples `[samples]` of which 32768 stands for 1.

    Raises:
        UnreadableClipError: there is no sound, it is damaged, or it holds NaN or infinity.
    """
    with reading(path) as file:
        if not file.streams.audio:
            raise UnreadableClipError(f"{path.name} has no sound")
        rate, timeline, peak = 0, _Timeline(), 0.0
        for frame, begin in _sound_frames(file, start, end):
            rate = frame.sample_rate
            wave = frame.to_ndarray().mean(axis=0)  # [channels, samples] -> [samples]
            limit = sys.maxsize if end is None else round((end - start) * rate)
            loudest = timeline.add(wave, round((begin - start) * rate), rate, limit)
            if not math.isfinite(loudest):
                raise UnreadableClipError(f"{path.name} holds NaN or infinity near {begin:.1f} s")
            peak = max(peak, loudest)
    if not timeline.pieces:
        raise UnreadableClipError(f"{path.name} has no sound{between(start, end)}")
    if peak > LOUDEST:
        reason = f"louder than {LOUDEST:g} times full scale, and clipped there"
        warnings.warn(ClipNote(reason, path.name), stacklevel=2)
    return rate, np.concatenate(timeline.pieces)


class _Timeline:
    """Puts pieces of sound where they belong.

    Attributes:
        pieces: what is there, without gaps, from the first sample of the stretch on.
    """

    def __init__(self) -> None:
        self.pieces: list[NDArray[np.int16]] = []
        self._filled = 0
        self._due: int | None = None

    def add(self, wave: NDArray[np.float32], at: int, rate: int, limit: int) -> float:
        """Add what of a piece is in the stretch and new; return how loud that is.

        Args:
            wave: its samples `[samples]`.
            at: which sample of the stretch its time stamp says is its first; may be negative.
            rate: sampling rate in Hz.
            limit: number of samples of the stretch, at most.
        """
        if self._due is not None and abs(at - self._due) <= STAMP_SLACK * rate:
            at = self._due
        self._due = at + len(wave)
        inside = wave[max(0, self._filled - at) : max(0, limit - at)]
        loudest = float(np.abs(inside).max(initial=0.0))
        # A stretch without any sample has no sound; NaN is the caller's to refuse.
        if math.isfinite(loudest) and (len(inside) or self.pieces):
            gap = max(0, min(at, limit) - self._filled)
            self.pieces += [np.zeros(gap, np.int16), _to_int16(inside)]
            self._filled += gap + len(inside)
        return loudest


def _sound_frames(
    file: InputContainer, start: float, end: float | None
) -> Iterator[tuple[av.AudioFrame, float]]:
    """Yield frames of floating-point sound, one of them beyond `end`, and when each begins."""
    zero, resampler = time_zero(file), av.AudioResampler("fltp")
    if start > SOUND_LEAD:
        seek(file, zero + start - SOUND_LEAD)
    clock = 0.0
    for decoded in file.decode(file.streams.audio[0]):
        clock = clock if decoded.time is None else decoded.time - zero
        for frame in resampler.resample(decoded):
            yield frame, clock
        if end is not None and clock >= end:
            return
        clock += decoded.samples / decoded.sample_rate


def _to_int16(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = np.rint(wave * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
