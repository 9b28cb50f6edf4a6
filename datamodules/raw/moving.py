"""Sound and pictures as they come in, from a device or a file: what was last heard and seen.

FFmpeg's own inputs for devices, which PyAV carries, need no library more.
"""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from snn_mm.errors import UserError

HEARD, SEEN = "alsa", "video4linux2,v4l2"
"""Inputs of FFmpeg for a microphone and a camera of Linux."""


class MovingSound:
    """The last seconds of a sound.

    Args:
        source: a file, or a microphone as ALSA names it, such as `default`.
        seconds: how much is kept.
    """

    kind = "audio"

    def __init__(self, source: str, seconds: float) -> None:
        from av import AudioResampler

        self.container, self.stream = _opened(source, HEARD, self.kind)
        self.rate, self.heard = int(self.stream.rate), 0
        self.kept: deque[int] = deque(maxlen=max(1, round(seconds * self.rate)))
        self.resampler = AudioResampler(format="s16", layout="mono", rate=self.rate)
        self.frames = _frames(self.container, self.stream, source)

    def until(self, time: float) -> bool:
        """Hear all up to a time in seconds since the start; False where the sound ends before."""
        while self.heard < time * self.rate:
            frame = next(self.frames, None)
            if frame is None:
                return False
            for part in self.resampler.resample(frame):
                samples = part.to_ndarray().reshape(-1)
                self.kept.extend(map(int, samples))
                self.heard += len(samples)
        return True

    def write(self, folder: Path) -> Path:
        """What is kept as a WAV file; zeros stand before the start."""
        missing = (self.kept.maxlen or 0) - len(self.kept)
        samples = np.array([0] * missing + list(self.kept), np.int16)
        path = folder / "heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", "not compressed"))
            file.writeframes(samples.tobytes())
        return path

    def close(self) -> None:
        """Let go of the device."""
        self.container.close()


class MovingPicture:
    """The last picture of a film.

    Args:
        source: a file, or a camera such as `/dev/video0`.
    """

    kind = "video"

    def __init__(self, source: str) -> None:
        self.container, self.stream = _opened(source, SEEN, self.kind)
        self.frames = _frames(self.container, self.stream, source)
        self.start: float | None = None
        self.last: Any = None

    def until(self, time: float) -> bool:
        """See all up to a time in seconds since the start; False where the film ends before."""
        at = -1.0
        while at < time:
            frame = next(self.frames, None)
            if frame is None:
                return False
            self.start = float(frame.time) if self.start is None else self.start
            self.last, at = frame, float(frame.time) - self.start
        return True

    def write(self, folder: Path) -> Path:
        """The picture as a PNG file."""
        path = folder / "seen.png"
        self.last.to_image().save(path)
        return path

    def close(self) -> None:
        """Let go of the device."""
        self.container.close()


def _opened(source: str, device: str, kind: str) -> tuple[Any, Any]:
    """A file or device, and its first stream of a kind."""
    import av
    from av.error import FFmpegError

    path = Path(source)
    file = path.is_file()
    try:
        with _quiet():
            container = av.open(source, format=None if file else device)
    except (FFmpegError, ValueError, OSError) as error:
        what = "file" if file else "device or file"
        raise UserError(f"{source}: no {kind} {what} that can be read: {error}") from error
    found = [stream for stream in container.streams if stream.type == kind]
    if not found:
        container.close()
        raise UserError(f"{source}: has no {kind}")
    return container, found[0]


def _frames(container: Any, stream: Any, source: str) -> Iterator[Any]:
    from av.error import FFmpegError

    try:
        yield from container.decode(stream)
    except FFmpegError as error:
        raise UserError(f"{source}: can't be read any more: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ALSA's library writes of a missing device off the terminal."""
    import os
    import sys

    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
