"""Decodes one clip."""

from __future__ import annotations

from datamodules.store.clip import Clip, DecodedClip, DecodeOptions
from datamodules.store.folders import IMAGES
from datamodules.store.frames import read_frames, read_picture
from datamodules.store.journal import describe_source
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound


def decode_clip(clip: Clip, options: DecodeOptions) -> DecodedClip:
    """Decode a clip.

    Raises:
        UnreadableClipError: something of it is missing or damaged; says what.
    """
    source = describe_source(clip)  # before: what replaces a file from now on is another source
    # The whole file is checked even for a stretch of it: damage elsewhere is no reason to trust it.
    heard = read_extent(clip.sound)
    sample_rate, sound = read_sound(clip.sound, clip.start, clip.end)
    if clip.picture.suffix.lower() in IMAGES:
        return DecodedClip(sample_rate, sound, [read_picture(clip.picture, options)], source)
    seen = heard if clip.picture == clip.sound else read_extent(clip.picture)
    stop = seen.picture if clip.end is None else min(clip.end, seen.picture)
    frames = read_frames(clip.picture, clip.start, stop, options)
    return DecodedClip(sample_rate, sound, frames, source)
