"""Tells WAV and AVI files that have been cut off from those that never knew their length."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

from datamodules.store.clip import ClipNote, UnreadableClipError

COMPLETE_SHARE = 0.9
"""A file whose data end before this share of the length it declares has been cut off."""

PLACEHOLDERS = (range(1), range(2**31 - 2**16, 2**31 + 2**16), range(2**32 - 2**16, 2**32))
"""Lengths in a header of what is written to a pipe, where none can be filled in at the end: 0, or
near the largest of 32 bits (0x7ffff000 by SoX, 0x80000000 by arecord, 0xffffffff by FFmpeg)."""


def refuse_short_riff(path: Path) -> None:
    """Refuse a WAV or AVI of fewer bytes than it declares: FFmpeg takes what is there for all.

    Notes a length that stands for none.

    Raises:
        UnreadableClipError: it is cut off, or not there.
    """
    try:
        with path.open("rb") as file:
            declared, size = _riff_content(file), path.stat().st_size
    except OSError as error:
        raise UnreadableClipError(f"{path.name}: {error.strerror}") from error
    if declared is None:
        return
    start, length = declared
    is_short = size < COMPLETE_SHARE * (start + length)
    if any(length in lengths for lengths in PLACEHOLDERS):
        if is_short or (not length and start < size):
            reason = "no length in the header, as if written to a pipe; taken whole as it is"
            warnings.warn(ClipNote(reason, path.name), stacklevel=3)
    elif is_short:
        raise UnreadableClipError(
            f"{path.name} is cut off: it has {size:,} of {start + length:,} bytes"
        )


def _riff_content(file: BinaryIO) -> tuple[int, int] | None:
    """Return where the sound of a WAV, or all of another RIFF file, begins and its length."""
    head = file.read(12)
    if head[:4] != b"RIFF":
        return None
    whole = 8, int.from_bytes(head[4:8], "little")
    while head[8:] == b"WAVE" and len(chunk := file.read(8)) == 8:
        length = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            return file.tell(), length
        file.seek(length + length % 2, 1)
    return whole
