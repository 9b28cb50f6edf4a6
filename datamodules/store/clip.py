"""What a data set's finder says of one clip, and what decoding makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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
