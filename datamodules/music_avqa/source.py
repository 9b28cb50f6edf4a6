"""Samples of MUSIC-AVQA: a question, and the sound and sight of the video it is about."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batches import Together, collate, room
from datamodules.music_avqa.features import FeatureFolder
from datamodules.music_avqa.questions import Question
from datamodules.music_avqa.vocabulary import Vocabulary
from datamodules.pairing import stream
from datamodules.split import Draw, SampleSource
from snn_mm.contracts import Batch
from snn_mm.errors import UserError

QUESTION = "question"
"""Name of the tokens among the inputs; no modality of its own."""

NEGATIVE = "negative"
"""Name of the frames of other videos among the inputs; no modality of its own."""


class QuestionBatch(Batch):
    """A batch of questions.

    Inputs are audio `[N, L, 128]`, visual `[N, L, 512, 14, 14]`, question `[N, 14]` in int64 and,
    where asked for, negative `[N, L, 512, 14, 14]`; L is 10.
    """

    kind: Tensor
    """`[N]` in int64: index into `QUESTION_KINDS`."""


class QuestionSample(NamedTuple):
    """A `Sample` and the kind of its question, an index into `QUESTION_KINDS`."""

    inputs: dict[str, Tensor]
    target: int
    id: str
    kind: int


@dataclass(frozen=True)
class Sampling:
    """Which seconds of a video are read.

    Attributes:
        stride: seconds from one step to the next.
        negatives: whether to add frames of other videos.
        seed: decides which.
    """

    stride: int
    negatives: bool
    seed: int


class QuestionSource(SampleSource):
    """The questions of one split.

    Args:
        questions: of the split's file, in its order.
        vocabulary: of the training questions.
        folders: features by modality, `audio` and `visual`.
        sampling: which seconds are read.
        path: the questions' file, for messages.

    Raises:
        UserError: a word or an answer is in no training question, or features are missing.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        vocabulary: Vocabulary,
        folders: Mapping[str, FeatureFolder],
        sampling: Sampling,
        path: Path,
    ) -> None:
        self.questions, self.folders, self.sampling = questions, folders, sampling
        self.modalities = tuple(folders)
        self.tokens = torch.tensor([vocabulary.tokens(each, path) for each in questions])
        self.labels: NDArray[np.int64] = np.array([vocabulary.target(q, path) for q in questions])
        self.ids = sample_ids(questions)
        self.videos = tuple(dict.fromkeys(question.video_id for question in questions))
        for folder in folders.values():
            folder.require(self.videos)
        if sampling.negatives and len(self.videos) < 2:
            raise UserError(f"negatives need another video, but {path} asks about one only.")

    def __getitem__(  # type: ignore[override]  # a Sample, and one field more
        self, index: int | Draw
    ) -> QuestionSample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[QuestionSample]:
        """Read the samples of a batch into one tensor for each input."""
        draws = [Draw.of(index) for index in indices]
        asked, rows = [self.questions[draw.row] for draw in draws], [draw.row for draw in draws]
        videos = [question.video_id for question in asked]
        inputs = {name: self._steps(folder, videos) for name, folder in self.folders.items()}
        inputs[QUESTION] = self.tokens[rows]
        if self.sampling.negatives:
            inputs[NEGATIVE] = self._negatives(draws)
        samples = (
            QuestionSample(
                {name: x[place] for name, x in inputs.items()},
                int(self.labels[row]),
                self.ids[row],
                question.kind_index,
            )
            for place, (row, question) in enumerate(zip(rows, asked))
        )
        return Together(samples, inputs)

    def _steps(self, folder: FeatureFolder, videos: Sequence[str]) -> Tensor:
        """Read the steps `[N, L, ...]` of some videos."""
        stride = self.sampling.stride
        batch = room(len(videos), folder.count(stride), *folder.shape[1:])
        for place, video in zip(batch.numpy(), videos):
            folder.read(video, slice(None, None, stride), place)
        return batch

    def _negatives(self, draws: Sequence[Draw]) -> Tensor:
        """Read frames `[N, L, 512, 14, 14]`, each a random one of a random other video."""
        visual = self.folders["visual"]
        seconds, count = visual.shape[0], visual.count(self.sampling.stride)
        batch = room(len(draws), count, *visual.shape[1:])
        for place, draw in zip(batch.numpy(), draws):
            own = self.videos.index(self.questions[draw.row].video_id)
            rng = stream(self.sampling.seed, NEGATIVE, *draw)
            frames = draw_negatives(own, len(self.videos), seconds, count, rng)
            for frame, (video, second) in zip(place, frames):
                visual.read(self.videos[video], second, frame)
        return batch

    def digest(self) -> str:
        """Return a SHA-256 of the questions and of their videos' features."""
        sha = hashlib.sha256(repr([tuple(question) for question in self.questions]).encode())
        for name, folder in self.folders.items():
            sha.update(f"{name} {folder.digest(self.videos)}".encode())
        return sha.hexdigest()


def draw_negatives(
    own: int, videos: int, seconds: int, count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw seconds of other videos, all of them equally likely (MUSIC-AVQA's match loss).

    Args:
        own: index of the video that must not be drawn.
        videos: number of videos, at least 2.
        seconds: number of seconds of each.
        count: how many to draw, independently of each other.
        rng: decides.

    Returns:
        `count` pairs of a video and a second.
    """
    others = rng.integers(videos - 1, size=count)
    others += others >= own  # skips the own video
    return list(zip(others.tolist(), rng.integers(seconds, size=count).tolist(), strict=True))


def sample_ids(questions: Sequence[Question]) -> list[str]:
    """Return `<video_id>:<question_id>`; what the first release repeats gets `:2`, `:3`, ..."""
    seen, ids = Counter[str](), []
    for question in questions:
        name = f"{question.video_id}:{question.question_id}"
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}:{seen[name]}")
    return ids


def collate_questions(samples: Sequence[Any]) -> Batch:
    """Stack samples, refusing inputs that are not finite; a `QuestionBatch` if they have kinds."""
    batch = collate(samples)
    if not isinstance(samples[0], QuestionSample):
        return batch
    kinds: QuestionBatch = {**batch, "kind": torch.tensor([sample.kind for sample in samples])}
    return kinds
