"""Decodes the sound and the frames of one clip, or says in a few words why it can't be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from datamodules.prepare.clip import Clip, DecodedClip, UnreadableClipError
from datamodules.prepare.store import FULL_SCALE
from snn_mm.errors import UserError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

SEEK_GAP = 10.0
"""Seconds to the next wanted frame from which seeking beats decoding what lies between."""

SOUND_LEAD = 0.5
"""Seconds of sound decoded before the start of a clip: codecs need some packets to settle."""

COMPLETE_SHARE = 0.9
"""A file whose data end before this share of the length it declares has been cut off."""


@dataclass(frozen=True)
class DecodeOptions:
    """What decides the contents of a store, beside the clips.

    Attributes:
        frames_per_second: how many frames of each second of picture are kept.
        min_frames: frames that a clip has at least, however short it is.
        short_side: larger pictures are scaled down to this many pixels on their shorter side.
        jpeg_quality: 95 is where more bytes no longer show.
    """

    frames_per_second: float = 1.0
    min_frames: int = 3
    short_side: int = 256
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        if not 0 < self.frames_per_second <= 240 or self.min_frames < 1 or self.short_side < 1:
            raise UserError(
                f"frames_per_second is {self.frames_per_second}, min_frames {self.min_frames} and "
                f"short_side {self.short_side}; accepted are above 0 to 240, and at least 1."
            )

    def as_dict(self) -> dict[str, object]:
        """Return the options by name."""
        return asdict(self)


class Extent(NamedTuple):
    """Where picture and sound of a file end, in seconds; 0 where there is none."""

    picture: float
    sound: float


def decode_clip(clip: Clip, options: DecodeOptions) -> DecodedClip:
    """Decode a clip.

    Raises:
        UnreadableClipError: something of it is missing or damaged; says what.
    """
    sample_rate, sound = read_sound(clip.sound, clip.start, clip.end)
    if clip.picture.suffix.lower() in IMAGE_SUFFIXES:
        return DecodedClip(sample_rate, sound, [read_picture(clip.picture, options)])
    frames = read_frames(clip.picture, clip.start, clip.end, options)
    return DecodedClip(sample_rate, sound, frames)


@contextmanager
def reading(path: Path) -> Iterator[InputContainer]:
    """Open a film or recording; what goes wrong in the block is the clip's fault.

    Raises:
        UnreadableClipError: the file is missing, empty, of no known format, or damaged.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableClipError(f"{path.name} is empty")
        with av.open(path) as file:
            yield file
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableClipError(f"{path.name}: {reason}") from error


def read_sound(path: Path, start: float, end: float | None) -> tuple[int, NDArray[np.int16]]:
    """Decode the sound between two times, its channels averaged.

    Returns:
        The sampling rate in Hz, and samples `[samples]` of which 32768 stands for 1.

    Raises:
        UnreadableClipError: there is no sound, or it is damaged.
    """
    if end is None:
        read_extent(path)
    with reading(path) as file:
        if not file.streams.audio:
            raise UnreadableClipError(f"{path.name} has no sound")
        rate, chunks = 0, []
        for frame, begin in _sound_frames(file, start, end):
            rate = frame.sample_rate
            wave = frame.to_ndarray().mean(axis=0)  # [channels, samples] -> [samples]
            first = max(0, round((start - begin) * rate))
            last = None if end is None else max(0, round((end - begin) * rate))
            chunks.append(_to_int16(wave[first:last]))
    if not sum(map(len, chunks)):
        raise UnreadableClipError(f"{path.name} has no sound{_between(start, end)}")
    return rate, np.concatenate(chunks)


def _sound_frames(
    file: InputContainer, start: float, end: float | None
) -> Iterator[tuple[av.AudioFrame, float]]:
    """Yield frames of floating-point sound with the seconds at which they begin."""
    stream = file.streams.audio[0]
    stream.thread_count = 1
    origin, resampler = _origin(file), av.AudioResampler("fltp")
    if start > SOUND_LEAD:
        _seek(file, origin + start - SOUND_LEAD)
    clock = 0.0
    for decoded in file.decode(stream):
        clock = clock if decoded.time is None else decoded.time - origin
        if end is not None and clock >= end:
            return
        for frame in resampler.resample(decoded):
            yield frame, clock
        clock += decoded.samples / decoded.sample_rate


def _to_int16(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = np.rint(wave * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def read_picture(path: Path, options: DecodeOptions) -> bytes:
    """Return an image as JPEG; one that is small and upright already keeps its bytes.

    Raises:
        UnreadableClipError: it is missing or damaged.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image.load()  # a truncated image fails here
            upright = ImageOps.exif_transpose(image)
            is_plain = image.format == "JPEG" and image.mode == "RGB" and upright.size == image.size
            if is_plain and min(image.size) <= options.short_side and not _is_turned(image):
                return data
            return to_jpeg(upright.convert("RGB"), options)
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UnreadableClipError(f"{path.name}: not a readable image ({error})") from error


def _is_turned(image: Image.Image) -> bool:
    return image.getexif().get(0x0112, 1) != 1  # EXIF's orientation; 1 is upright


def read_frames(
    path: Path, start: float, end: float | None, options: DecodeOptions
) -> list[bytes]:
    """Return as JPEG the frames shown in the middle of equal parts of a stretch.

    Raises:
        UnreadableClipError: there is no picture, or it is damaged.
    """
    extent = read_extent(path) if end is None else None
    with reading(path) as file:
        if not file.streams.video:
            raise UnreadableClipError(f"{path.name} has no picture")
        stop = extent.picture if extent else _declared_end(file, end)
        if stop <= start:
            raise UnreadableClipError(f"{path.name} has no picture{_between(start, end)}")
        times = frame_times(start, stop, options)
        return [to_jpeg(image, options) for image in _images_at(file, times)]


def frame_times(start: float, stop: float, options: DecodeOptions) -> list[float]:
    """Return the middles, in seconds, of the equal parts into which a stretch is cut."""
    count = max(options.min_frames, round((stop - start) * options.frames_per_second))
    return [start + (index + 0.5) * (stop - start) / count for index in range(count)]


def _images_at(file: InputContainer, times: list[float]) -> Iterator[Image.Image]:
    """Yield what is shown at each of the times, which ascend."""
    stream, origin = file.streams.video[0], _origin(file)
    stream.thread_count = 1  # clips are decoded in parallel, not frames
    shown: av.VideoFrame | None = None
    frames = _timed_frames(file, stream, origin, times[0])
    coming = next(frames, None)
    for time in times:
        if coming is not None and time - coming[1] > SEEK_GAP:
            frames = _timed_frames(file, stream, origin, time)
            coming = next(frames, None)
        while coming is not None and (shown is None or coming[1] <= time):
            shown, coming = coming[0], next(frames, None)
        if shown is None:
            raise UnreadableClipError(f"{Path(file.name).name}: no frame can be decoded")
        yield _upright(shown)


def _timed_frames(
    file: InputContainer, stream: VideoStream, origin: float, near: float
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield frames with their seconds, from the last key frame before `near` on."""
    rate = float(stream.average_rate or 25)
    if near > SEEK_GAP:
        _seek(file, origin + near)
    clock = 0.0
    for frame in file.decode(stream):
        clock = clock if frame.time is None else frame.time - origin
        yield frame, clock
        clock += 1 / rate


def _upright(frame: av.VideoFrame) -> Image.Image:
    """A frame as it is to be seen: films of telephones are stored lying on their side."""
    image = frame.to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def to_jpeg(image: Image.Image, options: DecodeOptions) -> bytes:
    """Scale an RGB image down if it is large, and encode it."""
    scale = options.short_side / min(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=options.jpeg_quality)
    return buffer.getvalue()


def read_extent(path: Path) -> Extent:
    """Return where picture and sound end, from the packets and not from what a header says.

    Raises:
        UnreadableClipError: the file has been cut off.
    """
    with reading(path) as file:
        ends, origin = {"video": 0.0, "audio": 0.0}, _origin(file)
        for packet in file.demux():
            time = packet.pts if packet.pts is not None else packet.dts
            kind = packet.stream.type
            if time is not None and kind in ends:
                end = float((time + (packet.duration or 0)) * packet.time_base) - origin
                ends[kind] = max(ends[kind], end)
        declared = (file.duration or 0) / av.time_base
    if max(ends.values()) < COMPLETE_SHARE * declared:
        raise UnreadableClipError(
            f"{path.name} is cut off: it ends at {max(ends.values()):.1f} of {declared:.1f} s"
        )
    return Extent(ends["video"], ends["audio"])


def _declared_end(file: InputContainer, end: float | None) -> float:
    """Where a stretch ends that may reach beyond the end of its file."""
    declared = file.duration / av.time_base if file.duration else float("inf")
    return declared if end is None else min(end, declared)


def _origin(file: InputContainer) -> float:
    """The time stamp at which a file begins, in seconds; recordings of broadcasts begin late."""
    return (file.start_time or 0) / av.time_base


def _seek(file: InputContainer, seconds: float) -> None:
    """Go to the last key frame at or before a time stamp."""
    file.seek(int(seconds * av.time_base), backward=True)


def _between(start: float, end: float | None) -> str:
    if end is None:
        return f" after {start:g} s" if start else ""
    return f" between {start:g} and {end:g} s"
