"""Questions that are made up, to time a training where no data are."""

from __future__ import annotations

import torch

from datamodules.music_avqa.questions import MAX_WORDS, QUESTION_KINDS
from datamodules.music_avqa.source import QUESTION, QuestionSample
from datamodules.split import Draw, SampleSource, Split


class MadeUpQuestions(SampleSource):
    """Made-up features with questions of random words, the kinds in turn.

    Args:
        made: the features and the answers.
        words: number of words, `<pad>` included.
    """

    def __init__(self, made: Split, words: int) -> None:
        self.made, self.labels, self.ids = made, made.labels, made.ids
        self.modalities = ("audio", "visual")
        generator = torch.Generator().manual_seed(0)
        self.tokens = torch.randint(words, (len(made), MAX_WORDS), generator=generator)

    def __getitem__(  # type: ignore[override]  # a Sample, and one field more
        self, index: int | Draw
    ) -> QuestionSample:
        row = Draw.of(index).row
        sample = self.made[row]
        inputs = {**sample.inputs, QUESTION: self.tokens[row]}
        return QuestionSample(inputs, sample.target, sample.id, row % len(QUESTION_KINDS))

    def digest(self) -> str:
        """Return the digest of the features."""
        return self.made.digest()
