"""The questions of MUSIC-AVQA, as its official JSON files write them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from snn_mm.errors import UserError
from snn_mm.reading.json_files import json_value

QUESTION_KINDS = (
    ("Audio", "Counting"),
    ("Audio", "Comparative"),
    ("Visual", "Counting"),
    ("Visual", "Location"),
    ("Audio-Visual", "Existential"),
    ("Audio-Visual", "Location"),
    ("Audio-Visual", "Counting"),
    ("Audio-Visual", "Comparative"),
    ("Audio-Visual", "Temporal"),
)
"""Group and kind of a question; what `kind` of a batch `[N]` is an index into."""

MAX_WORDS = 14
"""Words of the longest question in the official files."""

_FIELDS = {
    "video_id": str,
    "question_id": int,
    "type": str,
    "question_content": str,
    "templ_values": str,
    "anser": str,  # so spelt in every official file
}
_FORMS = {str: "a text", int: "a whole number"}
QUESTION_MARKS = "?？"


class Question(NamedTuple):
    """A question about one video, its template filled in.

    Attributes:
        video_id: eight digits for a real video; a synthetic one's begins with letters.
        question_id: number of the question; the first release repeats some.
        group: what has to be heard or seen: `Audio`, `Visual` or `Audio-Visual`.
        kind: what is asked for, such as `Counting`.
        words: without the question mark.
        answer: one of the 42.
    """

    video_id: str
    question_id: int
    group: str
    kind: str
    words: tuple[str, ...]
    answer: str

    @property
    def text(self) -> str:
        """The question as a reader expects it."""
        return " ".join(self.words) + "?"

    @property
    def kind_index(self) -> int:
        """The question's place in `QUESTION_KINDS`."""
        return QUESTION_KINDS.index((self.group, self.kind))

    @property
    def is_synthetic(self) -> bool:
        """Whether the video was put together from the picture and sound of others."""
        return not self.video_id.isdigit()


def read_questions(path: Path) -> list[Question]:
    """Return the questions of one file, without those marked as deleted.

    Raises:
        UserError: the file is missing or no JSON list, or an entry has another form.
    """
    entries = _read_list(path)
    kept = [entry for entry in entries if not _is_deleted(entry)]
    if not kept:
        raise UserError(f"{path} holds no question.")
    return [parse_question(entry, path) for entry in kept]


def parse_question(entry: object, path: Path) -> Question:
    """Return the question of one entry.

    Args:
        entry: an object of the official JSON.
        path: the file it is from, for messages.

    Raises:
        UserError: a field is missing or of another form; names the question and the file.
    """
    fields = _checked_fields(entry, path)
    place = f"question {fields['question_id']} of {path}"
    pair = tuple(_strings(fields, "type", place))
    if pair not in QUESTION_KINDS:
        known = ", ".join(" ".join(names) for names in QUESTION_KINDS)
        raise UserError(f"{place}: type '{' '.join(pair)}' is unknown; accepted are {known}.")
    values = _strings(fields, "templ_values", place)
    words = fill_template(fields["question_content"], values, place)
    return Question(fields["video_id"], fields["question_id"], *pair, words, fields["anser"])


def fill_template(template: str, values: list[str], place: str) -> tuple[str, ...]:
    """Return the words of a question, its slots such as `<Object>` filled in order.

    Some templates end in a blank, one in a full-width question mark.

    Args:
        template: the question as asked of many videos.
        values: one for each slot.
        place: question and file, for messages.

    Raises:
        UserError: there are more or fewer slots than values, or more than `MAX_WORDS` words.
    """
    words = template.strip().rstrip(QUESTION_MARKS).split()
    slots = [index for index, word in enumerate(words) if word.startswith("<")]
    if len(slots) != len(values):
        raise UserError(
            f"{place}: '{template}' has {len(slots)} slots, but templ_values {len(values)} values."
        )
    for index, value in zip(slots, values, strict=True):
        words[index] = value
    if not 1 <= len(words) <= MAX_WORDS:
        raise UserError(f"{place} has {len(words)} words; accepted are 1 to {MAX_WORDS}.")
    return tuple(words)


def _read_list(path: Path) -> list[object]:
    if not path.is_file():
        raise UserError(
            f"{path} is missing\n"
            "accepted: data.root with music_avqa/json/avqa-{train,val,test}.json below it, or "
            "data.avqa_dir with json/"
        )
    entries = json_value(path)
    if not isinstance(entries, list):
        raise UserError(f"{path} holds {type(entries).__name__}; accepted is a list of questions.")
    return entries


def _is_deleted(entry: object) -> bool:
    return isinstance(entry, Mapping) and bool(entry.get("question_deleted"))


def _checked_fields(entry: object, path: Path) -> Mapping[str, Any]:
    """Refuse an entry that lacks a field or has one of another type."""
    if not isinstance(entry, Mapping):
        raise UserError(f"{path}: {str(entry)[:80]!r} is no question; accepted are objects.")
    place = f"question {entry.get('question_id', 'without question_id')} of {path}"
    for name, kind in _FIELDS.items():
        if not isinstance(entry.get(name), kind):
            found = repr(entry[name])[:80] if name in entry else "missing"
            raise UserError(f"{place}: {name} is {found}; accepted is {_FORMS[kind]}.")
    return entry


def _strings(fields: Mapping[str, Any], name: str, place: str) -> list[str]:
    """Return the list that a field holds as text."""
    values = _literal(fields[name])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        found = repr(fields[name])[:80]
        raise UserError(f"{place}: {name} is {found}; accepted is a list of strings.")
    return values


@functools.cache  # the files repeat a few hundred lists
def _literal(text: str) -> object:
    """Return what a Python or JSON literal says, None if it is none; nothing is evaluated."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
