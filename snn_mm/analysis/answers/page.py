"""A page of sample answers: question, truth, what each run says, and accuracies by kind.

IEMF shows such samples in its Fig. 4. Here those on which runs disagree come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from snn_mm.analysis.report.document import Block, Document, Section, Table, TableCell, Text
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.metrics.avqa import (
    ACCURACIES,
    OVERALL,
    QUESTION_KINDS,
    accuracies_by_kind,
    kind_masks,
)


@dataclass(frozen=True)
class Answered:
    """A question and what runs said.

    Attributes:
        id: of the sample, with its video.
        kind: index into `QUESTION_KINDS`.
        text: the question.
        truth: the right answer.
        answers: of each run, in their order.
    """

    id: str
    kind: int
    text: str
    truth: str
    answers: tuple[str, ...]

    @property
    def is_right(self) -> tuple[bool, ...]:
        """Whether each run is right."""
        return tuple(answer == self.truth for answer in self.answers)


def answer_page(answered: Sequence[Answered], runs: Sequence[str], per_kind: int) -> Document:
    """Make the page.

    Args:
        answered: all questions, each with an answer of every run.
        runs: names of the runs.
        per_kind: samples to show of each kind.
    """
    sections = [Section("Accuracy", [accuracy_table(answered, runs)])]
    if len(runs) == 2:
        sections[0].blocks.append(Text(exchange(answered, runs)))
    for group, pairs in groupby(enumerate(QUESTION_KINDS), key=lambda pair: pair[1][0]):
        tables: list[Block] = [
            table
            for index, (_, kind) in pairs
            if (table := sample_table(answered, runs, per_kind, index, f"{group} {kind}")).rows
        ]
        if tables:
            sections.append(Section(f"{group} questions", tables))
    summary = f"{len(answered)} test questions, asked of {', '.join(runs)}. Bold answers are right."
    return Document("Sample answers", summary, sections)


def accuracy_table(answered: Sequence[Answered], runs: Sequence[str]) -> Table:
    """Accuracy in percent by kind, by group and over all, one column a run, the best in bold.

    The second column counts the questions: of few, an accuracy says little.
    """
    asked = torch.zeros(len(QUESTION_KINDS))
    right = torch.zeros(len(runs), len(QUESTION_KINDS))
    for question in answered:
        asked[question.kind] += 1
        right[:, question.kind] += torch.tensor(question.is_right)
    shares = [accuracies_by_kind(row, asked) for row in right]
    masks = kind_masks()
    rows: list[list[TableCell | str]] = [
        [
            readable(name),
            f"{int(asked[masks[name]].sum())}",
            *best_in_bold([float(share[name]) for share in shares]),
        ]
        for name in ACCURACIES
    ]
    caption = "Accuracy in percent, the best in bold; groups and All count every question once."
    return Table("answers", caption, ["Questions", "asked", *runs], rows)


def best_in_bold(shares: Sequence[float]) -> list[TableCell]:
    """Shares as cells in percent; a dash where nothing was asked (NaN), no bold where all agree."""
    texts = [NOTHING if share != share else f"{100 * share:.2f}" for share in shares]
    return [
        TableCell(text, bold=share == max(shares) != min(shares))
        for text, share in zip(texts, shares, strict=True)
    ]


def sample_table(
    answered: Sequence[Answered], runs: Sequence[str], per_kind: int, kind: int, title: str
) -> Table:
    """Samples of one kind: the question with its id, the truth, and every run's answer."""
    asked = [question for question in answered if question.kind == kind]
    rows: list[list[TableCell | str]] = [
        [
            TableCell(question.text, detail=question.id),
            question.truth,
            *(
                TableCell(a, bold=r)
                for a, r in zip(question.answers, question.is_right, strict=True)
            ),
        ]
        for question in choose(asked, per_kind)
    ]
    caption = f"{title}: {len(rows)} of {len(asked)} questions"
    return Table(f"samples_{kind}", caption, ["Question", "Truth", *runs], rows, latex=False)


def choose(asked: Sequence[Answered], count: int) -> list[Answered]:
    """The first questions that only some runs get right; then others, in their order."""
    divided = [question for question in asked if len(set(question.is_right)) > 1]
    agreed = [question for question in asked if len(set(question.is_right)) == 1]
    return [*divided, *agreed][:count]


def exchange(answered: Sequence[Answered], runs: Sequence[str]) -> str:
    """How many answers two runs give right that the other does not."""
    first = sum(question.is_right == (True, False) for question in answered)
    second = sum(question.is_right == (False, True) for question in answered)
    return (
        f"{runs[0]} alone is right on {first} questions, {runs[1]} alone on {second}, "
        f"and on {len(answered) - first - second} both are right or both are wrong."
    )


def readable(name: str) -> str:
    """A name of `ACCURACIES` as a reader expects it: `Audio-Visual Counting`, `All`.

    Example:
        >>> readable("accuracy_audio_visual_counting")
        'Audio-Visual Counting'
    """
    if name == OVERALL:
        return "All"
    plain = name.removeprefix(f"{OVERALL}_").replace("audio_visual", "audio-visual")
    return plain.replace("_", " ").title()
