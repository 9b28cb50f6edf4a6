"""Opens films and recordings, and tells those that have been cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer

from datamodules.prepare.clip import UnreadableClipError

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,mpegvideo,ogg,wav,w64,aiff,"
    "caf,mp3,aac,flac,gif"
)
"""Containers of films and recordings; FFmpeg would also play a text, or a list of addresses."""

COMPLETE_SHARE = 0.9
"""A file whose data end before this share of the length it declares has been cut off."""

SLACK = 0.5
"""Seconds that may be missing anyway: some formats don't say how long the last packet lasts."""


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
        UnreadableClipError: the file has been cut off.
    """
    _refuse_short_riff(path)
    with reading(path) as file:
        ends, zero = {"video": 0.0, "audio": 0.0}, time_zero(file)
        for packet in file.demux():
            time = packet.pts if packet.pts is not None else packet.dts
            kind = packet.stream.type
            if time is not None and kind in ends:
                end = float((time + (packet.duration or 0)) * packet.time_base) - zero
                ends[kind] = max(ends[kind], end)
        declared = (file.duration or 0) / av.time_base
    if max(ends.values()) < min(COMPLETE_SHARE * declared, declared - SLACK):
        raise UnreadableClipError(
            f"{path.name} is cut off: it ends at {max(ends.values()):.1f} of {declared:.1f} s"
        )
    return Extent(ends["video"], ends["audio"])


def _refuse_short_riff(path: Path) -> None:
    """Refuse a WAV or AVI of fewer bytes than it declares: FFmpeg takes what is there for all."""
    try:
        with path.open("rb") as file:
            head, size = file.read(8), path.stat().st_size
    except OSError as error:
        raise UnreadableClipError(f"{path.name}: {error.strerror}") from error
    declared = int.from_bytes(head[4:], "little") + 8
    # Programs that write into a pipe leave the size at its largest value.
    if head[:4] == b"RIFF" and declared < 2**32 and size < COMPLETE_SHARE * declared:
        raise UnreadableClipError(f"{path.name} is cut off: it has {size:,} of {declared:,} bytes")


def time_zero(file: InputContainer) -> float:
    """Return the time stamp at which a file begins, in seconds; broadcasts begin anywhere."""
    return (file.start_time or 0) / av.time_base


def seek(file: InputContainer, seconds: float) -> None:
    """Go to the last key frame at or before a time stamp."""
    file.seek(int(seconds * av.time_base), backward=True)


def between(start: float, end: float | None) -> str:
    """Return words for a stretch, to end a message with."""
    if end is None:
        return f" after {start:g} s" if start else ""
    return f" between {start:g} and {end:g} s"
