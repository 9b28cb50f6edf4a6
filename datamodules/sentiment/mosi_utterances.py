"""CMU-MOSI as features of utterances, alone or with the other utterances of the video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from datamodules.division import cut_groups
from datamodules.pairing import Rows, check_fractions, stream
from datamodules.sentiment.mosi_files import Utterances, read_utterances
from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split import FeatureScale
from datamodules.split_module import SplitName
from snn_mm.errors import UserError, check_choice

DIMS = {"text": 100, "audio": 73, "visual": 100}
LONGEST = 63
Context = Literal["none", "past", "all"]
ValFrom = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class UtteranceSplit(SequenceSplit):
    """Sequences of utterances, whose features `[n, D]` are stored once.

    Attributes:
        rows: for each sample the rows of `arrays` that are its steps, in order.
    """

    rows: Sequence[Rows]

    def sequence(self, modality: str, row: int) -> NDArray[Any]:
        """Return the steps `[L, D]` of one sample."""
        return self.arrays[modality][self.rows[row]]

    def longest(self, modality: str) -> int:
        """Return the length of the longest sequence."""
        return max(len(rows) for rows in self.rows)


class MosiUtterances(SequenceDataModule):
    """CMU-MOSI: 2,199 utterances of 93 videos, each with one feature vector a modality.

    Text has 100 features, audio 73, visual 100. Labels are binary; the scores to predict are -1 and
    1. The official test set has 752 utterances of 31 videos, the training set 1,447 of 62. The
    validation part is cut off one of them video by video, so that no video is in two parts.

    The networks that made the features of text and video had been trained on the training labels.
    So a linear model on text is right about 0.98 of training videos that it never saw, but 0.76 of
    the test set; on video 0.93, but 0.52. A validation part of training videos measures that, not
    how well a model will do: to choose a model or an epoch take `val_from: test`, which validates
    on some of the test videos and tests on the others.

    The first column of `text_train.csv` and `text_test.csv` is the row of `transcripts.csv`,
    counted from 0: so read, all 2,199 labels agree and no video is in both parts; counted from 1,
    a third of the labels disagree and 36 videos are in both. The other files keep that order.

    Args:
        mosi_dir: directory of the files; None is `root/mosi`.
        context: what is a sequence: the utterance alone (`none`, one step), the video's utterances
            up to it (`past`), or all of the video (`all`: the others in their order, then itself).
            The utterance to score is the last step.
        context_steps: at most so many steps, the nearest before the end; None takes all.
        val_from: which set the validation part is cut off; see above.
        val_fraction: part of that set that validates.
        standardise: shift and scale each feature to the mean and deviation of the training part.
    """

    modalities = ("text", "audio", "visual")

    def __init__(
        self,
        root: str = "data",
        mosi_dir: str | None = None,
        context: Context = "none",
        context_steps: int | None = None,
        val_from: ValFrom = "train",
        val_fraction: float = 0.15,
        standardise: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_choice("context", context, get_args(Context))
        check_choice("val_from", val_from, get_args(ValFrom))
        check_fractions(val_fraction=val_fraction)
        if context_steps is not None and context_steps < 1:
            raise UserError(f"context_steps is {context_steps}; accepted are 1 or more, or null.")
        self.mosi_dir = Path(mosi_dir or Path(root) / "mosi")
        self.context: Context = context
        self.context_steps = context_steps
        self.val_from: ValFrom = val_from
        self.val_fraction, self.standardise = val_fraction, standardise

    def shapes(self) -> dict[str, tuple[int, int]]:
        """D, and the steps of a sample: no video has more than 63 utterances."""
        steps = 1 if self.context == "none" else self.context_steps or LONGEST
        return {name: (steps, dim) for name, dim in DIMS.items()}

    @cached_property
    def utterances(self) -> Utterances:
        """All utterances, read when they are first asked for."""
        return read_utterances(self.mosi_dir)

    @cached_property
    def parts(self) -> dict[SplitName, Rows]:
        """Rows of the utterances that train, validate and test."""
        data = self.utterances
        sets = {"train": np.flatnonzero(~data.test), "test": np.flatnonzero(data.test)}
        divided = sets[self.val_from]
        stay, held = cut_groups(
            data.labels[divided],
            data.videos[divided].tolist(),
            self.val_fraction,
            stream(self.seed, "mosi", "val"),
        )
        sets[self.val_from] = divided[stay]
        return {"train": sets["train"], "val": divided[held], "test": sets["test"]}

    def load_split(self, name: SplitName) -> UtteranceSplit:
        """Take the utterances of one part, and say which are the steps of each sample."""
        data, own = self.utterances, self.parts[name]
        rows = context_rows(data.videos[own], data.numbers[own], self.context)
        rows = [steps[-(self.context_steps or 0) :] for steps in rows]
        names = zip(data.videos[own], data.numbers[own])
        lengths = np.array([len(steps) for steps in rows])
        return UtteranceSplit(
            arrays={modality: self._features(modality, own) for modality in self.modalities},
            lengths=dict.fromkeys(self.modalities, lengths),
            targets=(2 * data.labels[own] - 1).astype(np.float32),
            ids=[f"{video}_{number}" for video, number in names],
            rows=rows,
        )

    def feature_scales(self) -> dict[str, FeatureScale]:
        """Mean and deviation of the training part."""
        train, features = self.parts["train"], self.utterances.features
        fitted = {name: FeatureScale.fit(features[name][train]) for name in self.modalities}
        return fitted if self.standardise else {}

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {
            "context": self.context,
            "context_steps": self.context_steps,
            "val_from": self.val_from,
            "val_fraction": self.val_fraction,
            "standardise": self.standardise,
        }

    def _features(self, modality: str, rows: Rows) -> NDArray[np.float32]:
        """Return the features `[n, D]` of some utterances, standardised if asked."""
        features = self.utterances.features[modality][rows]
        scale = self.feature_scales().get(modality)
        return features.astype(np.float32) if scale is None else scale(features)


def context_rows(videos: NDArray[np.str_], numbers: Rows, context: Context) -> list[Rows]:
    """Return the rows that are the steps of each utterance; its own is the last.

    Args:
        videos: `[n]`.
        numbers: the place in the video, `[n]`.
        context: `none`, `past` or `all`.
    """
    if context == "none":
        return [np.array([row]) for row in range(len(videos))]
    found: list[Rows] = []
    for row, (video, number) in enumerate(zip(videos, numbers)):
        wanted = (videos == video) & (numbers < number if context == "past" else numbers != number)
        others = np.flatnonzero(wanted)
        found.append(np.append(others[np.argsort(numbers[others])], row))
    return found
