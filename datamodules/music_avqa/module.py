"""MUSIC-AVQA as a data module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from datamodules.base import SPLITS, MultimodalDataModule, SplitName
from datamodules.checks import check_split
from datamodules.corruption.forms import Form
from datamodules.made_up import Shapes, made_split
from datamodules.music_avqa.features import FeatureFolder
from datamodules.music_avqa.grounding import MATCH, GroundingSource
from datamodules.music_avqa.made_up import MadeUpQuestions
from datamodules.music_avqa.questions import Question, read_questions
from datamodules.music_avqa.source import (
    NEGATIVE,
    QuestionSource,
    Sampling,
    collate_questions,
)
from datamodules.music_avqa.vocabulary import (
    NUM_ANSWERS,
    NUM_WORDS,
    AnswerOrder,
    Vocabulary,
    build_vocabulary,
    check_counts,
)
from datamodules.raw.reads import RawReader
from datamodules.split import SampleSource, Source
from snn_mm.errors import UserError, check_choice, check_range

Videos = Literal["all", "real", "synthetic"]


@dataclass(frozen=True)
class FeatureLayout:
    """Where the features lie and what they look like.

    Attributes:
        audio_dir: folder of the audio features, below the data set's.
        visual_dir: folder of the visual features, below the data set's.
        audio_shape: of each file: 60 seconds of VGGish.
        visual_shape: of each file: 60 seconds of ResNet-18 maps.
        stride: seconds from one step to the next; 6 makes 10 steps.
    """

    audio_dir: str = "feats/vggish"
    visual_dir: str = "feats/res18_14x14"
    audio_shape: tuple[int, int] = (60, 128)
    visual_shape: tuple[int, int, int, int] = (60, 512, 14, 14)
    stride: int = 6

    def __post_init__(self) -> None:
        if self.audio_shape[0] != self.visual_shape[0]:
            raise UserError(
                f"features: audio_shape has {self.audio_shape[0]} seconds and visual_shape "
                f"{self.visual_shape[0]}; accepted are equally many."
            )
        check_range("features.stride", self.stride, 1, self.audio_shape[0])

    def folders(self, root: Path) -> dict[str, FeatureFolder]:
        """Return the folder of each modality below `root`."""
        return {
            "audio": FeatureFolder(root / self.audio_dir, self.audio_shape),
            "visual": FeatureFolder(root / self.visual_dir, self.visual_shape),
        }


OFFICIAL_FEATURES = FeatureLayout()


class MusicAVQA(MultimodalDataModule):
    """Questions about 60-second videos of music: 32,087 to train, 4,595 to validate, 9,185 to test.

    Inputs are every sixth second of a video and the tokens of a question: audio `[N, 10, 128]`,
    visual `[N, 10, 512, 14, 14]`, question `[N, 14]`. The target is one of 42 answers; `kind` `[N]`
    is the question's index in `QUESTION_KINDS`, for accuracies by kind. The official parts divide
    questions, not videos: 2,296 videos are asked about in both validation and test.

    Args:
        avqa_dir: directory of the questions and features; None is `root/music_avqa`.
        release: folder of the question files below it: `json`, the first release, which repeats
            some questions, or `json_update`.
        videos: which videos are asked about: `all`, the 7,422 `real` or the `synthetic` ones.
        negatives: add `negative` `[N, 10, 512, 14, 14]`, every step of it a random second of a
            random other video of the split, for the match loss of ST-AVQA. What is drawn depends on
            (seed, epoch, sample).
        grounding: instead of questions, the pairs of ST-AVQA's grounding pre-training: audio
            `[N, 1, 128]`, visual and negative `[N, 1, 512, 14, 14]`, all targets 1.
        grounding_seconds: how many seconds of each video make pairs, from the first on.
        answer_order: order of the answers: `first_appearance` in the training file, or `released`
            as the published code writes them out.
        expected_words: words of the training questions and `<pad>`; null accepts any number.
        expected_answers: answers of the training questions; null accepts any number.
        features: where the features lie and what they look like.
    """

    modalities = ("audio", "visual")

    def __init__(
        self,
        root: str = "data",
        avqa_dir: str | None = None,
        release: Literal["json", "json_update"] = "json",
        videos: Videos = "all",
        negatives: bool = False,
        grounding: bool = False,
        grounding_seconds: int = 10,
        answer_order: AnswerOrder = "first_appearance",
        expected_words: int | None = NUM_WORDS,
        expected_answers: int | None = NUM_ANSWERS,
        features: FeatureLayout = OFFICIAL_FEATURES,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        self.step_seconds = dict.fromkeys(self.modalities, float(features.stride))
        check_choice("videos", videos, get_args(Videos))
        self.avqa_dir = Path(avqa_dir or Path(root) / "music_avqa")
        self.release, self.videos, self.features = release, videos, features
        self.negatives, self.answer_order = negatives, answer_order
        self.grounding, self.grounding_seconds = grounding, grounding_seconds
        # The official lists ask about one video in several parts.
        self.may_share: tuple[SplitName, ...] = SPLITS if grounding else ()
        self.expected_words, self.expected_answers = expected_words, expected_answers

    def facts(self) -> dict[str, Any]:
        """The numbers of words and answers that are expected, and the widths of the features."""
        counts = {"num_classes": self.expected_answers, "vocabulary": self.expected_words}
        audio = {"in_features": self.features.audio_shape[1]}
        inputs = {"audio": audio, "visual": {"in_channels": self.features.visual_shape[1]}}
        return {"inputs": inputs} | {name: n for name, n in counts.items() if n is not None}

    def sample_shapes(self) -> Shapes:
        """The steps that are read of each video; the pictures of others, where asked for."""
        features = self.features
        steps = 1 if self.grounding else len(range(0, features.audio_shape[0], features.stride))
        audio, visual = (steps, *features.audio_shape[1:]), (steps, *features.visual_shape[1:])
        shapes: dict[str, tuple[int, ...]] = {"audio": audio, "visual": visual}
        return {**shapes, NEGATIVE: visual} if self.negatives or self.grounding else shapes

    def made_up(self, samples: int) -> SampleSource:
        """Made-up features, with questions of random words or as pairs that match."""
        made = made_split(self.sample_shapes(), self.num_classes, samples)
        if self.grounding:
            return replace(made, labels=np.full(samples, MATCH))
        return MadeUpQuestions(made, self.num_words)

    def make_up(self, samples: int) -> None:
        """Have made-up samples, and words and answers of no file."""
        words = [f"word {number}" for number in range(self.expected_words or NUM_WORDS)]
        answers = [f"answer {number}" for number in range(self.expected_answers or NUM_ANSWERS)]
        self.__dict__["vocabulary"] = Vocabulary(tuple(words), tuple(answers))
        super().make_up(samples)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Words and answers of all training questions.

        Raises:
            UserError: the training file is missing, or has other numbers than expected.
        """
        path = self.question_file("train")
        vocabulary = build_vocabulary(read_questions(path), self.answer_order)
        check_counts(vocabulary, path, self.expected_words, self.expected_answers)
        return vocabulary

    def learn_preparation(self) -> dict[str, Any]:
        """The answers, and the words of the questions."""
        return {**super().learn_preparation(), "words": list(self.vocabulary.words)}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Features of a video, a file each, and a question as text.

        Raises:
            UserError: the run is a grounding pre-training, which answers nothing.
        """
        from datamodules.music_avqa.raw import question_readers  # training reads no raw files

        if self.grounding:
            raise UserError("data.grounding: pairs of a pre-training\naccepted: a run of questions")
        answers = tuple(self.preparation["class_names"])
        words = Vocabulary(tuple(self.preparation["words"]), answers)
        return question_readers(self.features, words)

    @property
    def num_words(self) -> int:
        """How many tokens a model must embed, `<pad>` included."""
        return len(self.vocabulary.words)

    @cached_property
    def class_names(self) -> Sequence[str]:  # type: ignore[override]  # known from a file alone
        """The answers, or what the pairs of the pre-training may be."""
        return ("other video", "own video") if self.grounding else self.vocabulary.answers

    def question_file(self, name: SplitName) -> Path:
        """Return the file of a split's questions."""
        return self.avqa_dir / self.release / f"avqa-{name}.json"

    def questions(self, name: SplitName) -> list[Question]:
        """Read the questions of one split, in the order of its samples.

        Raises:
            UserError: the file is missing or not as expected, or asks about no such video.
        """
        path = self.question_file(name)
        found = read_questions(path)
        if self.videos != "all":
            found = [each for each in found if each.is_synthetic == (self.videos == "synthetic")]
        if not found:
            raise UserError(f"{path} asks about no {self.videos} video; accepted is videos: all.")
        return found

    def load_split(self, name: SplitName) -> SampleSource:
        """Read the questions of one split and find the features of their videos."""
        questions, folders = self.questions(name), self.features.folders(self.avqa_dir)
        if self.grounding:
            videos = tuple(dict.fromkeys(question.video_id for question in questions))
            return GroundingSource(videos, folders, self.grounding_seconds, self.seed)
        sampling = Sampling(self.features.stride, self.negatives, self.seed)
        path = self.question_file(name)
        return QuestionSource(questions, self.vocabulary, folders, sampling, path)

    def check_split(self, name: SplitName, split: SampleSource) -> None:
        """Refuse a split that is empty or inconsistent; warns of answers that nothing asks for."""
        if self.grounding:  # all of its pairs are of one class
            check_split(name, split, self.modalities, self.num_classes)
        else:
            super().check_split(name, split)

    collate = staticmethod(collate_questions)

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        """Features of seconds, one after the other."""
        return dict.fromkeys(self.modalities, Form(kind="sequence"))

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {
            "answers": self.class_names,
            "negatives": self.negatives,
            "grounding": self.grounding_seconds if self.grounding else None,
            "stride": self.features.stride,
        }
