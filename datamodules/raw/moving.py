"""Sound and pictures as they come in, from a device or a file: what was last heard and seen.

FFmpeg's own inputs for devices, which PyAV carries, need no library more.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.raw.listening import Listener
from datamodules.raw.reads import Place, RawReader
from datamodules.store.store import to_wave
from snn_mm.errors import UserError

HEARD, SEEN = "alsa", "video4linux2,v4l2"
"""Inputs of FFmpeg for a microphone and a camera of Linux."""


class MovingSound:
    """The last seconds of a sound.

    Args:
        source: a file, or a microphone as ALSA names it, such as `default`.
        modality: that it is.
        reader: makes the input of it.
        seconds: how much is kept for the reader, which then prepares all of it at each time step;
            None hands the sound on to what makes the input column by column, where there is such,
            or keeps one second.
    """

    kind = "audio"

    def __init__(
        self, source: str, modality: str, reader: RawReader, seconds: float | None
    ) -> None:
        from av import AudioResampler

        self.place, self.reader = Place(Path("heard.wav"), "", modality), reader
        self.container, self.stream = _opened(source, HEARD, self.kind)
        self.rate, self.heard = int(self.stream.rate), 0
        self.listener: Listener | None = None
        if seconds is None and reader.listen is not None:
            self.listener = reader.listen(self.rate)
        self.kept = np.zeros(max(1, round((seconds or 1.0) * self.rate)), np.int16)
        self.new: list[NDArray[np.int16]] = []
        self.resampler = AudioResampler(format="s16", layout="mono", rate=self.rate)
        self.frames = _frames(self.container, self.stream, source)

    def until(self, time: float) -> bool:
        """Hear all up to a time in seconds since the start; False where the sound ends before."""
        while self.heard < time * self.rate:
            frame = next(self.frames, None)
            if frame is None:
                return False
            for part in self.resampler.resample(frame):
                self.new.append(part.to_ndarray().reshape(-1).astype(np.int16, copy=False))
                self.heard += len(self.new[-1])
        return True

    def input(self, folder: Path) -> Tensor:
        """What a network gets now, `[...]`; a folder is for what is written on the way."""
        if self.listener is not None:
            samples = np.concatenate([self.kept[:0], *self.new])
            self.new.clear()
            self.listener.hear(torch.from_numpy(to_wave(samples)))
            return self.listener.input()
        place = self.place._replace(path=self.write(folder))
        return torch.as_tensor(self.reader.read(place, "heard"))

    def write(self, folder: Path) -> Path:
        """What is kept as a WAV file; zeros stand before the start."""
        self.kept = np.concatenate([self.kept, *self.new])[-len(self.kept) :]
        self.new.clear()
        path = folder / self.place.path
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", "not compressed"))
            file.writeframes(self.kept.tobytes())
        return path

    def close(self) -> None:
        """Let go of the device."""
        self.container.close()


class MovingPicture:
    """The last picture of a film.

    Args:
        source: a file, or a camera such as `/dev/video0`.
        modality: that it is.
        reader: makes the input of it.
    """

    kind = "video"

    def __init__(self, source: str, modality: str, reader: RawReader) -> None:
        self.place, self.reader = Place(Path("seen.png"), "", modality), reader
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

    def input(self, folder: Path) -> Tensor:
        """What a network gets now, `[...]`; a folder is for what is written on the way."""
        path = folder / self.place.path
        self.last.to_image().save(path, compress_level=0)  # packing it takes longer than all else
        return torch.as_tensor(self.reader.read(self.place._replace(path=path), "seen"))

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
