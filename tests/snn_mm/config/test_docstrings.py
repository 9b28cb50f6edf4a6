"""What is read out of a Google-style docstring."""

from __future__ import annotations

import pytest

from snn_mm.config.docstrings import argument_texts, first_sentence, prose

DOCSTRING = """Scale gradients, e.g. those of Eq. 11.

More about it.

Args:
    gamma: gain; see
        Eq. 10: it is bounded.
    mode (str): how.

    **kwargs: for the base class.

Returns:
    nothing: at all.
"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One line.", "One line."),
        ("Two\nlines. Then more.", "Two lines."),
        ("No stop\n\nSecond paragraph.", "No stop"),
        ("Keeps e.g. this. `Not` that.", "Keeps e.g. this."),
        ("", ""),
    ],
)
def test_first_sentence(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_arguments_are_joined_over_lines_and_end_with_the_section() -> None:
    assert argument_texts(DOCSTRING) == {
        "gamma": "gain; see Eq. 10: it is bounded.",
        "mode": "how.",
        "kwargs": "for the base class.",
    }


def test_docstring_without_arguments_has_none() -> None:
    assert argument_texts("Only a line.") == {}


def test_prose_ends_at_the_first_section() -> None:
    assert prose(DOCSTRING) == "Scale gradients, e.g. those of Eq. 11.\n\nMore about it."
