"""Pictures as the store keeps them, of a film or an image: upright JPEGs not larger than needed.

What is missing, damaged or has no picture raises `UnreadableClipError`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.container import InputContainer
from PIL import Image, ImageOps

from datamodules.store.clip import DecodeOptions, UnreadableClipError
from datamodules.store.media import between, reading, seek, time_zero
from snn_mm.reading.text import reason

Made = TypeVar("Made")

_UPRIGHT = {
    (1, 0, 0, 1): None,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
}
"""By the signs of a display matrix `(a, b, c, d)`: a pixel `(x, y)` is shown at
`(a x + c y, b x + d y)` (ISO/IEC 14496-12, 6.2.2). Pillow turns against the clock."""

SEEK_GAP = 10.0
"""Seconds to the next wanted frame from which seeking beats decoding what lies between."""


def read_frames(
    path: Path,
    start: float,
    stop: float,
    options: DecodeOptions,
    chosen: Callable[[int], Sequence[int]] = range,
) -> list[bytes]:
    """Return as JPEG the frames shown in the middle of equal parts of a stretch.

    Args:
        path: a film.
        start: of the stretch, in seconds.
        stop: its end.
        options: how many parts, and how frames are kept.
        chosen: of the number of parts those whose frames are wanted, ascending.
    """
    with reading(path) as file:
        if not file.streams.video:
            raise UnreadableClipError(f"{path.name} has no picture")
        if stop <= max(start, _first_shown(file)):
            raise UnreadableClipError(f"{path.name} has no picture{between(start, stop)}")
        times = frame_times(start, stop, options)
        wanted = [times[index] for index in chosen(len(times))]
        return [to_jpeg(image, options) for image in _images_at(file, wanted)]


def convert_frames(
    path: Path, times: Sequence[float], convert: Callable[[Image.Image], Made]
) -> list[Made]:
    """Return what `convert` makes of the frames shown at some times, one in memory at a time.

    Args:
        path: a film.
        times: in seconds, ascending; after the end its last frame is shown.
        convert: from an upright RGB image.
    """
    with reading(path) as file:
        if not file.streams.video:
            raise UnreadableClipError(f"{path.name} has no picture")
        return [convert(image) for image in _images_at(file, list(times))]


def frame_times(start: float, stop: float, options: DecodeOptions) -> list[float]:
    """Return the middles, in seconds, of the equal parts into which a stretch is cut."""
    count = max(options.min_frames, round((stop - start) * options.frames_per_second))
    return [start + (index + 0.5) * (stop - start) / count for index in range(count)]


def _first_shown(file: InputContainer) -> float:
    """Return the seconds at which the picture begins."""
    stream = file.streams.video[0]
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base) - time_zero(file)


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
    """Return a frame as it is to be seen: telephones store films lying on their side, or mirrored.

    Other angles than right ones leave black corners.
    """
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    if (signs := _display_signs(frame)) not in _UPRIGHT:
        return image.rotate(frame.rotation, expand=True) if frame.rotation else image
    turn = _UPRIGHT[signs]
    return image if turn is None else image.transpose(turn)


def _display_signs(frame: av.VideoFrame) -> tuple[int, ...]:
    """Return the signs of the four numbers of a display matrix; nothing where there is none."""
    try:
        data: Any = frame.side_data  # which PyAV annotates as one of its items
        found = [bytes(each) for each in data if each.type.name == "DISPLAYMATRIX"]
    except ValueError:  # PyAV trips over any side data that it has no name for, such as EXIF
        return ()
    signs = [np.sign(np.frombuffer(matrix, np.int32)).tolist() for matrix in found]
    return tuple(signs[0][:2] + signs[0][3:5]) if signs else ()


def read_picture(path: Path, options: DecodeOptions) -> bytes:
    """Return an image as JPEG; one that is small and upright already keeps its bytes."""
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image.load()  # a truncated image fails here
            is_plain = image.format == "JPEG" and image.mode == "RGB" and not _is_turned(image)
            if is_plain and min(image.size) <= options.short_side:
                return data
            return to_jpeg(ImageOps.exif_transpose(image).convert("RGB"), options)
    except Exception as error:  # Pillow raises errors of many kinds for damage
        raise UnreadableClipError(f"{path.name}: not a readable image ({reason(error)})") from error


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(0x0112, 1) != 1)  # EXIF's orientation; 1 is upright


def to_jpeg(image: Image.Image, options: DecodeOptions) -> bytes:
    """Scale an RGB image down if it is large, and encode it."""
    scale = options.short_side / min(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=options.jpeg_quality)
    return buffer.getvalue()
