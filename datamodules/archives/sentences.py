"""Sentences as inputs: spectrograms, and films of a mouth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.archives.archive import Array
from datamodules.archives.augmentation import at_times
from datamodules.split import FeatureScale

FRAMES, HEIGHT, WIDTH, FRAME_RATE = 75, 28, 40, 25
COLUMNS, BANDS, COLUMN_RATE = 149, 40, 50
Lips = Literal["sequence", "frames", "channels"]
CELL = 4
"""Side in pixels of the cells whose means are a sequence's features."""


@dataclass(frozen=True)
class ClipReader:
    """Reads what is heard or seen in a window of time.

    Attributes:
        clips: `[R, L, ...]`.
        rate: of their steps a second.
        times: begin and end of each window in seconds, `[R, 2]`; None takes the whole clip.
        scale: what values are shifted and scaled by.
    """

    clips: Array
    rate: int
    times: Array | None
    scale: FeatureScale

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read `[L', ...]`; at least one step."""
        clip = self.clips[row]
        if self.times is not None:
            first, last = np.rint(self.times[row] * self.rate).astype(np.int64)
            first = min(first, len(clip) - 1)
            clip = clip[first : max(last, first + 1)]
        return self.scale(clip)


@dataclass(frozen=True)
class LipReader(ClipReader):
    """Reads pictures of a mouth.

    Attributes:
        frames: how many, evenly spread; None takes all.
        form: `sequence` gives `[L, D]`, `frames` `[L, 1, H, W]`, `channels` `[L, H, W]`.
    """

    frames: int | None
    form: Lips

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read a film in its form."""
        film = super().__call__(row, rng)  # [L, H, W]
        if self.form == "sequence":
            rows, columns = HEIGHT // CELL, WIDTH // CELL
            cells = film.reshape(len(film), rows, CELL, columns, CELL)
            means = np.asarray(cells.mean(axis=(2, 4)), np.float32)
            return means.reshape(len(film), -1)  # [L, H/4, W/4] -> [L, D]
        spread = at_times(film, np.linspace(0, len(film) - 1, self.frames or len(film)))
        return spread if self.form == "channels" else spread[:, None]


def lip_reader(
    films: Array, times: Array | None, scale: FeatureScale, lips: Lips, frames: int
) -> LipReader:
    """Read films `[R, L, H, W]` in one of the forms, of which `sequence` has all frames."""
    shown = None if lips == "sequence" else frames
    return LipReader(films, FRAME_RATE, times, scale, shown, lips)
