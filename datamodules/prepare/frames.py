"""Decodes evenly spread frames of a film."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer
from PIL import Image

from datamodules.prepare.clip import UnreadableClipError
from datamodules.prepare.media import between, reading, seek, time_zero
from datamodules.prepare.options import DecodeOptions
from datamodules.prepare.pictures import to_jpeg

Made = TypeVar("Made")

SEEK_GAP = 10.0
"""Seconds to the next wanted frame from which seeking beats decoding what lies between."""


def read_frames(path: Path, start: float, stop: float, options: DecodeOptions) -> list[bytes]:
    """Return as JPEG the frames shown in the middle of equal parts of a stretch.

    Raises:
        UnreadableClipError: there is no picture, or it is damaged.
    """
    with reading(path) as file:
        if not file.streams.video:
            raise UnreadableClipError(f"{path.name} has no picture")
        if stop <= start:
            raise UnreadableClipError(f"{path.name} has no picture{between(start, None)}")
        times = frame_times(start, stop, options)
        return [to_jpeg(image, options) for image in _images_at(file, times)]


def convert_frames(
    path: Path, times: Sequence[float], convert: Callable[[Image.Image], Made]
) -> list[Made]:
    """Return what `convert` makes of the frames shown at some times, one in memory at a time.

    Args:
        path: a film.
        times: in seconds, ascending; after the end its last frame is shown.
        convert: from an upright RGB image.

    Raises:
        UnreadableClipError: there is no picture, or it is damaged.
    """
    with reading(path) as file:
        if not file.streams.video:
            raise UnreadableClipError(f"{path.name} has no picture")
        return [convert(image) for image in _images_at(file, list(times))]


def frame_times(start: float, stop: float, options: DecodeOptions) -> list[float]:
    """Return the middles, in seconds, of the equal parts into which a stretch is cut."""
    count = max(options.min_frames, round((stop - start) * options.frames_per_second))
    return [start + (index + 0.5) * (stop - start) / count for index in range(count)]


def _images_at(file: InputContainer, times: list[float]) -> Iterator[Image.Image]:
    """Yield what is shown at each of the times, which ascend."""
    file.streams.video[0].codec_context.thread_count = 1  # clips are decoded in parallel
    shown: av.VideoFrame | None = None
    frames = _timed_frames(file, times[0])
    coming = next(frames, None)
    for time in times:
        if coming is not None and time - coming[1] > SEEK_GAP:
            frames = _timed_frames(file, time)
            coming = next(frames, None)
        while coming is not None and (shown is None or coming[1] <= time):
            shown, coming = coming[0], next(frames, None)
        if shown is None:
            raise UnreadableClipError(f"{Path(file.name).name}: no frame can be decoded")
        yield _upright(shown)


def _timed_frames(file: InputContainer, near: float) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield frames with their seconds, from the last key frame before `near` on."""
    stream, zero = file.streams.video[0], time_zero(file)
    if near > SEEK_GAP:
        seek(file, zero + near)
        first = next(file.decode(stream), None)
        # A poor index leads behind the frame: then everything before it is decoded.
        leads_astray = first is None or first.time is None or first.time - zero > near
        seek(file, zero if leads_astray else zero + near)
    clock = 0.0
    for frame in file.decode(stream):
        clock = clock if frame.time is None else frame.time - zero
        yield frame, clock
        clock += 1 / float(stream.average_rate or 25)


def _upright(frame: av.VideoFrame) -> Image.Image:
    """Return a frame as it is to be seen: telephones store films lying on their side."""
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image
