"""Features of a video that belongs to no data set, and a question about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.music_avqa.source import QUESTION
from datamodules.music_avqa.vocabulary import Vocabulary
from datamodules.raw.arrays import NUMBERS, numbers_of
from datamodules.raw.reads import Place, RawReader

if TYPE_CHECKING:
    from datamodules.music_avqa.module import FeatureLayout


def question_readers(features: FeatureLayout, vocabulary: Vocabulary) -> dict[str, RawReader]:
    """How features of all seconds and the text of a question become inputs.

    Args:
        features: what features look like; every `stride`-th second is read.
        vocabulary: of the training questions.
    """

    def steps(shape: tuple[int, ...]) -> Callable[[Place, str], NDArray[np.float32]]:
        return lambda place, _: numbers_of(place, shape).astype(np.float32)[:: features.stride]

    def question(place: Place, sample: str) -> Tensor:
        return torch.tensor(vocabulary.tokens_of(str(place.path)))

    return {
        "audio": RawReader(steps(features.audio_shape), NUMBERS),
        "visual": RawReader(steps(features.visual_shape), NUMBERS),
        QUESTION: RawReader(question),
    }
