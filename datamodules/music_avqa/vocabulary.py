"""Words and answers of MUSIC-AVQA as numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from datamodules.music_avqa.questions import MAX_WORDS, QUESTION_MARKS, Question
from snn_mm.errors import UserError, check_choice

PAD = "<pad>"
"""What fills a question up to `MAX_WORDS`; always token 0."""

NUM_WORDS = 93
"""Words of the official training questions, `PAD` included."""

NUM_ANSWERS = 42
"""Answers of the official training questions."""

AnswerOrder = Literal["first_appearance", "released"]

RELEASED_ANSWERS = (
    *("two", "cello", "congas", "zero", "no", "pipa", "six", "yes", "one", "four", "three"),
    *("seven", "five", "ukulele", "right", "piano", "left", "accordion", "clarinet", "guzheng"),
    *("more than ten", "nine", "indoor", "saxophone", "drum", "violin", "middle", "outdoor"),
    *("bagpipe", "bassoon", "acoustic_guitar", "banjo", "electric_bass", "ten", "eight", "flute"),
    *("simultaneously", "trumpet", "erhu", "xylophone", "tuba", "suona"),
)
"""In the order that `net_grd_avst/main_avst.py` of GeWu-Lab/MUSIC-AVQA writes out."""


@dataclass(frozen=True)
class Vocabulary:
    """What the training questions are made of.

    Attributes:
        words: in the order of their first appearance, after `PAD`; a word's place is its token.
        answers: class names; an answer's place is its class.
    """

    words: tuple[str, ...]
    answers: tuple[str, ...]

    @cached_property
    def _tokens(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    @cached_property
    def _classes(self) -> dict[str, int]:
        return {answer: index for index, answer in enumerate(self.answers)}

    def tokens(self, question: Question, path: Path) -> list[int]:
        """Return the tokens of a question `[14]`, padded at its end.

        Raises:
            UserError: a word is in no training question; names it, the question and the file.
        """
        padded = question.words + (PAD,) * (MAX_WORDS - len(question.words))
        for word in padded:
            if word not in self._tokens:
                raise UserError(_unknown("word", word, question, path))
        return [self._tokens[word] for word in padded]

    def tokens_of(self, text: str) -> list[int]:
        """Return the tokens `[14]` of a question in words, its mark at the end or not.

        Raises:
            UserError: it is empty or too long, or a word is in no training question.
        """
        words = tuple(text.strip().rstrip(QUESTION_MARKS).split())
        if not 1 <= len(words) <= MAX_WORDS:
            raise UserError(f"question: {len(words)} words; accepted are 1 to {MAX_WORDS}")
        if unknown := [word for word in words if word not in self._tokens or word == PAD]:
            near = difflib.get_close_matches(unknown[0], self.words[1:], n=3, cutoff=0.5)
            hint = f", such as {', '.join(near)}" if near else ""
            raise UserError(
                f"question: the word '{unknown[0]}' is in no training question\n"
                f"accepted: their {len(self.words) - 1} words{hint}"
            )
        return [self._tokens[word] for word in words + (PAD,) * (MAX_WORDS - len(words))]

    def target(self, question: Question, path: Path) -> int:
        """Return the class of a question's answer.

        Raises:
            UserError: no training question has this answer; names it, the question and the file.
        """
        if question.answer not in self._classes:
            raise UserError(_unknown("answer", question.answer, question, path))
        return self._classes[question.answer]


def _unknown(what: str, value: str, question: Question, path: Path) -> str:
    return (
        f"question {question.question_id} of {path}: the {what} '{value}' is in no training "
        f"question\naccepted: the {what}s of avqa-train.json beside it"
    )


def build_vocabulary(
    questions: Sequence[Question], answer_order: AnswerOrder = "first_appearance"
) -> Vocabulary:
    """Collect the words and answers of the training questions.

    Args:
        questions: of the training file, in its order.
        answer_order: `first_appearance` in the training file, which the released code's targets
            follow; or `released`, the order in which it writes the answers out.

    Raises:
        UserError: the order is unknown, or an answer is not among the released ones.
    """
    check_choice("answer_order", answer_order, get_args(AnswerOrder))
    words = _unique([PAD, *(word for question in questions for word in question.words)])
    answers = _unique(question.answer for question in questions)
    if answer_order == "released":
        answers = _in_released_order(answers)
    return Vocabulary(words, answers)


def check_counts(
    vocabulary: Vocabulary, path: Path, words: int | None, answers: int | None
) -> None:
    """Refuse a training file whose words or answers are not as many as expected.

    Args:
        vocabulary: made of the training file.
        path: the training file, for messages.
        words: expected number of words, `PAD` included; None accepts any.
        answers: expected number of answers; None accepts any.

    Raises:
        UserError: names the file, all numbers, and what accepts other questions.
    """
    differences, options = [], []
    for what, found, wanted, size in (
        ("words", len(vocabulary.words), words, "vocabulary"),
        ("answers", len(vocabulary.answers), answers, "num_classes"),
    ):
        if wanted is not None and found != wanted:
            differences.append(f"{found} {what} where data.expected_{what} is {wanted}")
            options.append(f"--data.expected_{what} null --model.{size} {found}")
    if differences:
        raise UserError(
            f"{path} has {' and '.join(differences)}\n"
            "accepted: the official training file, or for other questions\n  " + " ".join(options)
        )


def _in_released_order(answers: Sequence[str]) -> tuple[str, ...]:
    """Return all released answers, those too that the training file lacks."""
    if unknown := sorted(set(answers) - set(RELEASED_ANSWERS)):
        raise UserError(
            f"answer_order is 'released', which has no answer '{unknown[0]}'; "
            "accepted for other answers is first_appearance."
        )
    return RELEASED_ANSWERS


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
