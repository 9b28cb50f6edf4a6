"""Words and answers as numbers, in the order of the training file."""

from __future__ import annotations

from pathlib import Path

import pytest

from datamodules.music_avqa.questions import Question, parse_question
from datamodules.music_avqa.vocabulary import (
    NUM_ANSWERS,
    PAD,
    RELEASED_ANSWERS,
    Vocabulary,
    build_vocabulary,
    check_counts,
)
from snn_mm.errors import UserError
from tests.datamodules.avqa_files import entry

FILE = Path("avqa-test.json")


def question(text: str, answer: str = "yes") -> Question:
    return Question("00000001", 7, "Audio", "Counting", tuple(text.split()), answer)


TRAIN = [question("Is the tuba louder", "yes"), question("Is the flute first", "no")]


def test_words_and_answers_are_numbered_by_first_appearance() -> None:
    vocabulary = build_vocabulary(TRAIN)
    assert vocabulary.words == (PAD, "Is", "the", "tuba", "louder", "flute", "first")
    assert vocabulary.answers == ("yes", "no")


def test_tokens_are_padded_to_14_at_the_end() -> None:
    tokens = build_vocabulary(TRAIN).tokens(question("the flute Is"), FILE)
    assert tokens == [2, 5, 1] + 11 * [0]


def test_the_released_order_has_42_answers_whatever_the_file_has() -> None:
    vocabulary = build_vocabulary(TRAIN, "released")
    assert vocabulary.answers == RELEASED_ANSWERS
    assert len(set(RELEASED_ANSWERS)) == NUM_ANSWERS
    assert vocabulary.target(question("", "no"), FILE) == 4


def test_an_answer_that_was_never_released_is_refused_in_that_order() -> None:
    with pytest.raises(UserError, match="no answer 'gong'; accepted for other answers is first"):
        build_vocabulary([question("Is it", "gong")], "released")


def test_an_unknown_word_is_named_with_question_and_file() -> None:
    with pytest.raises(UserError, match=r"question 7 of avqa-test\.json: the word 'gong' is in no"):
        build_vocabulary(TRAIN).tokens(question("Is the gong louder"), FILE)


def test_an_unknown_answer_is_named_with_question_and_file() -> None:
    with pytest.raises(
        UserError, match=r"question 7 of avqa-test\.json: the answer 'gong' is in no"
    ):
        build_vocabulary(TRAIN).target(question("Is the tuba first", "gong"), FILE)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UserError, match="answer_order is 'alphabetical'; accepted: first_app"):
        build_vocabulary(TRAIN, "alphabetical")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "answers", "message"),
    [
        (93, None, r"3 words where data\.expected_words is 93\n.*\n.* null --model\.vocabulary 3$"),
        (3, 42, r"1 answers where data\.expected_answers is 42\n.*\n.* --model\.num_classes 1$"),
        (93, 42, r"3 words where .* and 1 answers where .*\n.*\n.*vocabulary 3 .*num_classes 1$"),
    ],
)
def test_other_counts_than_expected_are_refused_with_the_flags_that_accept_them(
    words: int, answers: int | None, message: str
) -> None:
    with pytest.raises(UserError, match=rf"avqa-test\.json has {message}"):
        check_counts(Vocabulary((PAD, "a", "b"), ("yes",)), FILE, words, answers)


def test_made_up_training_questions_have_the_official_counts() -> None:
    vocabulary = build_vocabulary([parse_question(entry(n), FILE) for n in range(42)])
    check_counts(vocabulary, FILE, 93, 42)
