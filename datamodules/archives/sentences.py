"""Sentences of GRID: their archive, and its spectrograms and films of a mouth as inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.archives.archive import Array, check_equally_many, check_within, read_archive
from datamodules.archives.augmentation import ClipAugmentation, at_times
from datamodules.archives.mouth import MOUTH_HEIGHT, MOUTH_WIDTH, Region
from datamodules.split import FeatureScale
from snn_mm.errors import UserError

FRAMES, HEIGHT, WIDTH, FRAME_RATE = 75, 28, 40, 25
COLUMNS, BANDS, COLUMN_RATE = 149, 40, 50
VOCABULARY: dict[str, tuple[str, ...]] = {
    "command": ("bin", "lay", "place", "set"),
    "color": ("blue", "green", "red", "white"),
    "preposition": ("at", "by", "in", "with"),
    "letter": tuple("abcdefghijklmnopqrstuvxyz"),
    "digit": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "adverb": ("again", "now", "please", "soon"),
}
"""The words at each place of a sentence; W is no letter of GRID, for it is three syllables."""
Lips = Literal["sequence", "frames", "channels"]


class Area(NamedTuple):
    """Pixels of a film, and the side of the cells of them whose means are a sequence's features."""

    height: int
    width: int
    cell: int

    @property
    def features(self) -> int:
        """D of a sequence."""
        return self.height // self.cell * (self.width // self.cell)


AREAS: Mapping[Region, Area] = {
    "picture": Area(HEIGHT, WIDTH, cell=4),
    "mouth": Area(MOUTH_HEIGHT, MOUTH_WIDTH, cell=2),
}

LAYOUT = {
    "lips": ("u", (None, FRAMES, HEIGHT, WIDTH)),
    "logmel": ("f", (None, COLUMNS, BANDS)),
    "words": ("iu", (None, len(VOCABULARY))),
    "word_times": ("f", (None, len(VOCABULARY), 2)),
    "clip": ("U", (None,)),
} | {f"vocab_{place}": ("U", (len(words),)) for place, words in VOCABULARY.items()}
SOURCE = (
    "Accepted is an archive of one speaker of GRID (Cooke et al. 2006; speaker 1 is\n"
    "in TVR28/LipNet), with the keys of docs/data.md; set file."
)


@dataclass(frozen=True)
class ClipReader:
    """Reads what is heard or seen in a window of time.

    Attributes:
        clips: `[R, L, ...]`.
        rate: of their steps a second.
        times: begin and end of each window in seconds, `[R, 2]`; None takes the whole clip.
        scale: what values are shifted and scaled by.
        augment: changes a clip in training.
    """

    clips: Array
    rate: int
    times: Array | None
    scale: FeatureScale
    augment: ClipAugmentation | None

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read `[L', ...]`; at least one step."""
        clip = self.clips[row]
        if self.augment is not None and rng is not None:
            clip = self.augment(clip, self.rate, rng)
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
        area: what of the pictures the film has.
    """

    frames: int | None
    form: Lips
    area: Area

    def __call__(self, row: int, rng: np.random.Generator | None) -> NDArray[np.float32]:
        """Read a film in its form."""
        film = super().__call__(row, rng)  # [L, H, W]
        if self.form == "sequence":
            height, width, cell = self.area
            cells = film.reshape(len(film), height // cell, cell, width // cell, cell)
            means = np.asarray(cells.mean(axis=(2, 4)), np.float32)
            return means.reshape(len(film), -1)  # [L, H/cell, W/cell] -> [L, D]
        spread = at_times(film, np.linspace(0, len(film) - 1, self.frames or len(film)))
        return spread if self.form == "channels" else spread[:, None]


def lip_reader(
    films: Array,
    times: Array | None,
    scale: FeatureScale,
    augment: ClipAugmentation | None,
    lips: Lips,
    frames: int,
    area: Area,
) -> LipReader:
    """Read films `[R, L, H, W]` in one of the forms, of which `sequence` has all frames."""
    shown = None if lips == "sequence" else frames
    return LipReader(films, FRAME_RATE, times, scale, augment, shown, lips, area)


def read_sentences(path: Path) -> dict[str, Array]:
    """Read the archive of a speaker.

    Raises:
        UserError: it is missing, damaged, or not as `LAYOUT` and `VOCABULARY` have it.
    """
    arrays = read_archive(path, LAYOUT, SOURCE)
    sentences = {key: x for key, x in arrays.items() if not key.startswith("vocab_")}
    check_equally_many(path, sentences)
    for place, (key, words) in enumerate(VOCABULARY.items()):
        check_within(path, f"words ({key})", arrays["words"][:, place], 0, len(words) - 1)
        if tuple(arrays[f"vocab_{key}"]) != words:
            raise UserError(f"vocab_{key} of {path}: accepted are {', '.join(words)}")
    _check_times(path, arrays["word_times"])
    return arrays


def _check_times(path: Path, times: Array) -> None:
    """Refuse windows `[n, words, 2]` that are empty or begin before the clip."""
    wrong = (times[..., 0] < 0) | ~(times[..., 1] > times[..., 0])
    if len(rows := np.argwhere(wrong)):
        row, word = rows[0]
        raise UserError(
            f"word_times of {path}: word {word} of row {row} has {times[row, word].tolist()}; "
            "accepted are a begin of at least 0 and a later end, in seconds"
        )
