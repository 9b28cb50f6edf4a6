"""Opens films and recordings, and tells those that have been cut off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer

from datamodules.store.clip import UnreadableClipError
from datamodules.store.riff import COMPLETE_SHARE, refuse_short_riff

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,mpegvideo,ogg,wav,w64,aiff,"
    "caf,mp3,aac,flac,gif"
)
"""Containers of films and recordings; FFmpeg would also play a text, or a list of addresses."""

SLACK = 0.5
"""Seconds that may be missing anyway: some formats don't say how long the last packet lasts."""

JUMP = 10.0
"""Seconds without any packet that only a jump of the time stamps explains, to FFmpeg as well."""


class Extent(NamedTuple):
    """Where picture and sound of a file end, in seconds; 0 where there is none."""

    picture: float
    sound: float


@contextmanager
def reading(path: Path) -> Iterator[InputContainer]:
    """Open a film or recording; what goes wrong in the block is the clip's fault.

    Raises:
        UnreadableClipError: the file is missing, empty, of no known format, or damaged.
    """
    try:
        with _open(path) as file:
            yield file
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableClipError(f"{path.name}: {_reason(error)}") from error


def _open(path: Path) -> InputContainer:
    if path.stat().st_size == 0:
        raise UnreadableClipError(f"{path.name} is empty")
    try:
        return av.open(path, options={"format_whitelist": FORMATS})
    except (av.InvalidDataError, av.ArgumentError) as error:
        raise UnreadableClipError(
            f"{path.name} is no film or recording, or its index is missing ({_reason(error)})"
        ) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def read_extent(path: Path) -> Extent:
    """Return where picture and sound end, from the packets and not from what a header says.

    Raises:
        UnreadableClipError: the file has been cut off, or its time stamps jump.
    """
    refuse_short_riff(path)
    with reading(path) as file:
        ends, begins = {"video": 0.0, "audio": 0.0}, []
        for kind, begin, end in _spans(file):
            begins.append(begin)
            ends[kind] = max(ends[kind], end)
        declared = (file.duration or 0) / av.time_base
    for before, after in pairwise(sorted(begins)):
        if after - before > JUMP:
            raise UnreadableClipError(_jump(path, before, after))
    if max(ends.values()) < min(COMPLETE_SHARE * declared, declared - SLACK):
        raise UnreadableClipError(
            f"{path.name} is cut off: it ends at {max(ends.values()):.1f} of {declared:.1f} s"
        )
    return Extent(ends["video"], ends["audio"])


def _spans(file: InputContainer) -> Iterator[tuple[str, float, float]]:
    """Yield of each packet of picture or sound its kind, and the seconds of begin and end."""
    zero, decoded = time_zero(file), dict[int, float]()
    for packet in file.demux():
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or packet.stream.type not in ("video", "audio"):
            continue
        begin, length = (float(x * packet.time_base) for x in (time, packet.duration or 0))
        yield packet.stream.type, begin - zero, begin - zero + length
        # Pictures are stored in the order of decoding, in which time only ever grows.
        if packet.dts is not None:
            before = decoded.get(packet.stream.index, -math.inf)
            after = float(packet.dts * packet.time_base) - zero
            if after < before - SLACK:
                raise UnreadableClipError(_jump(Path(file.name), before, after))
            decoded[packet.stream.index] = after


def _jump(path: Path, before: float, after: float) -> str:
    return f"{path.name}: its time stamps jump from {before:.1f} to {max(after, 0.0):.1f} s"


def time_zero(file: InputContainer) -> float:
    """Return the time stamp at which a file begins, in seconds; broadcasts begin anywhere."""
    return (file.start_time or 0) / av.time_base


def seek(file: InputContainer, seconds: float) -> None:
    """Go to the last key frame at or before a time stamp, or to the beginning if there is none."""
    try:
        file.seek(int(seconds * av.time_base), backward=True)
    except av.PermissionError:  # FLV's answer to a time before its first picture
        file.seek(0, unsupported_byte_offset=True)


def between(start: float, end: float | None) -> str:
    """Return words for a stretch, to end a message with."""
    if end is None:
        return f" after {start:g} s" if start else ""
    return f" between {start:g} and {end:g} s"
