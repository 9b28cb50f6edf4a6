"""Recordings of movements and of speech that belong to no archive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datamodules.archives import movements, sentences
from datamodules.archives.mouth import Template, cut_mouths
from datamodules.archives.sentences import AREAS, ClipReader, Lips, lip_reader
from datamodules.raw.arrays import NUMBERS, numbers_of
from datamodules.raw.reads import Place, RawReader
from datamodules.split import FeatureScale

Scales = Mapping[str, FeatureScale]


def movement_readers(scales: Scales, form: movements.Depth) -> dict[str, RawReader]:
    """Depth `[16, 48, 64]`, skeleton `[L, 20, 3]` in metres and inertial `[L, 6]` as inputs.

    Args:
        scales: what they are shifted and scaled by; sequences that have none are by nothing.
        form: of the depth film, as `UtdMhad` has it.
    """

    def scaled(name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return scales[name](x) if name in scales else x

    def depth(place: Place, _: str) -> NDArray[np.float32]:
        film = numbers_of(place, (movements.FRAMES, movements.HEIGHT, movements.WIDTH))
        return movements.FilmReader(film[None], scales["depth"], form)(0, None)

    def skeleton(place: Place, _: str) -> NDArray[np.float32]:
        joints = numbers_of(place, (None, movements.JOINTS, 3)).astype(np.float32)
        moved = movements.trunk_lengths(joints, np.array([0, len(joints)]))
        return scaled("skeleton", moved.reshape(len(moved), -1))

    def inertial(place: Place, _: str) -> NDArray[np.float32]:
        return scaled("inertial", numbers_of(place, (None, 6)).astype(np.float32))

    made = {"depth": depth, "skeleton": skeleton, "inertial": inertial}
    return {name: RawReader(read, NUMBERS) for name, read in made.items()}


def sentence_readers(
    scales: Scales, lips: Lips, frames: int, template: Template | None
) -> dict[str, RawReader]:
    """A log-mel spectrogram `[L, 40]` and pictures of a mouth `[L, 28, 40]` as inputs.

    Args:
        scales: what they are shifted and scaled by.
        lips: the form of the film, as `GridCorpus` has it.
        frames: how many of it.
        template: `[h, w]`, by which the mouth is found; None for the whole picture.
    """
    area = AREAS["picture" if template is None else "mouth"]

    def audio(place: Place, _: str) -> NDArray[np.float32]:
        clip = numbers_of(place, (None, sentences.BANDS))
        return ClipReader(clip[None], sentences.COLUMN_RATE, None, scales["audio"], None)(0, None)

    def visual(place: Place, _: str) -> NDArray[np.float32]:
        film = numbers_of(place, (None, sentences.HEIGHT, sentences.WIDTH))[None]
        seen = film if template is None else cut_mouths(film, template)
        return lip_reader(seen, None, scales["visual"], None, lips, frames, area)(0, None)

    return {"audio": RawReader(audio, NUMBERS), "visual": RawReader(visual, NUMBERS)}
