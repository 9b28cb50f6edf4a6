"""What a data set's finder says of one clip, how it is decoded, and what that makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn_mm.errors import UserError


@dataclass(frozen=True)
class Clip:
    """A stretch of picture and sound with its class; decoding happens later.

    Attributes:
        id: a name that is unique in the data set and does not depend on where the files lie.
        label: index of the class.
        part: "train", "val", "test", or "" where no list says so.
        picture: a video or an image.
        sound: a recording; may be the same file as `picture`.
        start: where the clip begins in its files, in seconds.
        end: where it ends, in seconds; None is the end of the file.
    """

    id: str
    label: int
    part: str
    picture: Path
    sound: Path
    start: float = 0.0
    end: float | None = None


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


@dataclass(frozen=True)
class DecodedClip:
    """A clip as it is stored.

    Attributes:
        sample_rate: of the sound, in Hz.
        sound: one channel `[samples]`; 32768 stands for 1.
        frames: JPEG files, evenly spread over the clip.
        source: what it was decoded from, as `journal.describe_source` writes it.
    """

    sample_rate: int
    sound: NDArray[np.int16]
    frames: list[bytes]
    source: str = ""


class UnreadableClipError(Exception):
    """A clip can't be decoded; the message is the reason in a few words."""


class ClipNote(UserWarning):
    """What a user should know of a file that was decoded all the same.

    Args:
        reason: in a few words, the same for every file that it is true of.
        name: of the file.
    """

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(reason, name)  # workers send notes to their parent as they are
        self.reason, self.name = reason, name

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
