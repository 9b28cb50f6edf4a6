"""Reads what the listing needs out of a Google-style docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ENTRY = re.compile(r"^(?P<name>\*{0,2}\w+)(?: \([^)]*\))?:\s*(?P<text>.*)$")
_SECTION = re.compile(
    r"^(Args|Attributes|Example|Examples|Note|Raises|Returns|See Also|Yields):\s*$"
)


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph, on one line."""
    paragraph = " ".join(text.strip().split("\n\n", 1)[0].split())
    # A full stop ends a sentence only before a capital, so that "e.g. this" does not.
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", paragraph, maxsplit=1)[0]


def prose(docstring: str) -> str:
    """Return what stands before the first section (`Args:` and the like)."""
    lines = docstring.splitlines()
    end = next((i for i, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    return "\n".join(lines[:end]).strip()


def argument_texts(docstring: str) -> dict[str, str]:
    """Return the text of each entry of the `Args:` section, each on one line."""
    texts: dict[str, str] = {}
    name = ""
    for depth, line in _args_lines(docstring):
        entry = _ENTRY.match(line) if depth == 0 else None
        if entry:
            name = entry["name"].lstrip("*")
            texts[name] = entry["text"]
        elif name:
            texts[name] = f"{texts[name]} {line}".strip()
    return texts


def _args_lines(docstring: str) -> Iterator[tuple[int, str]]:
    """Yield `(depth, text)` of the lines of the `Args:` section; depth 0 starts an entry."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if line.rstrip() == "Args:":
            break
    margin: int | None = None
    for line in lines:
        text = line.strip()
        if not text:
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            return
        margin = indent if margin is None else margin
        yield indent - margin, text
