"""Samples of the grounding pre-training of ST-AVQA: a second of sound, and two pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.music_avqa.features import FeatureFolder
from datamodules.music_avqa.source import NEGATIVE, draw_negatives
from datamodules.pairing import stream
from datamodules.split import Draw, Sample, SampleSource
from snn_mm.errors import UserError, check_range

MATCH = 1
"""Target of every sample: sound and `visual` belong together; `negative` stands for 0."""


class GroundingSource(SampleSource):
    """Seconds of videos, each with its own picture and one of another video.

    As `grounding_gen/dataloader_grd_gen.py` of GeWu-Lab/MUSIC-AVQA draws them: the first seconds of
    every video, and against each a random one of those of another video. That code takes the
    training videos for validation and test, too; here a split has its own.

    Inputs of a batch are audio `[N, 1, 128]`, visual and negative `[N, 1, 512, 14, 14]`: one step
    of what the questions have ten of.

    Args:
        videos: of the split, in the order of their first question.
        folders: features by modality, `audio` and `visual`.
        seconds: how many seconds of each video, from the first on.
        seed: decides the negatives.

    Raises:
        UserError: there is one video only, it has fewer seconds, or features are missing.
    """

    def __init__(
        self,
        videos: Sequence[str],
        folders: Mapping[str, FeatureFolder],
        seconds: int,
        seed: int,
    ) -> None:
        self.videos, self.folders, self.seconds, self.seed = videos, folders, seconds, seed
        self.modalities = tuple(folders)
        if len(videos) < 2:
            raise UserError(
                f"grounding needs two videos for its pairs, but there is {len(videos)}."
            )
        shortest = min(folder.shape[0] for folder in folders.values())
        check_range("grounding_seconds", seconds, 1, shortest)
        for folder in folders.values():
            folder.require(videos)
        self.ids = [f"{video}:{second}" for video in videos for second in range(seconds)]
        self.labels: NDArray[np.int64] = np.full(len(self.ids), MATCH)

    def __getitem__(self, index: int | Draw) -> Sample:
        draw = Draw.of(index)
        video, second = divmod(draw.row, self.seconds)
        rng = stream(self.seed, "grounding", *draw)
        ((other, its_second),) = draw_negatives(video, len(self.videos), self.seconds, 1, rng)
        inputs = {
            name: folder.step(self.videos[video], second)[None]  # [...] -> [1, ...]
            for name, folder in self.folders.items()
        }
        negative = self.folders["visual"].step(self.videos[other], its_second)
        inputs[NEGATIVE] = negative[None]  # [512, 14, 14] -> [1, 512, 14, 14]
        return Sample(inputs, MATCH, self.ids[draw.row])

    def digest(self) -> str:
        """Return a SHA-256 of the seconds and of their videos' features."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        for name, folder in self.folders.items():
            sha.update(f"{name} {folder.digest(self.videos)}".encode())
        return sha.hexdigest()
