"""YAML that anyone may have written or damaged: no bomb, no maze, no reference to itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from snn_mm.errors import UserError
from snn_mm.reading.text import naming, read_text

LARGEST_YAML = 1 << 22
MOST_NODES = 200_000
"""Nodes of a file with every alias written out; a whole config has 1,000."""
DEEPEST = 100
LONGEST_NUMBER = 1000
"""Digits; YAML has numbers of base 16 and 60, which Python takes but cannot print."""

FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where there is one."""

_NUMBER = re.compile(r"[-+]?[0-9][\w:.]*")
_INDENT = re.compile(r"^[ \-?:]+", re.MULTILINE)


def compose(text: str, where: Path | str) -> yaml.Node | None:
    """The nodes of YAML text, which know their lines; None of an empty one.

    Args:
        text: the YAML.
        where: the file or flag, for the message.

    Raises:
        UserError: it is no YAML, or larger, deeper or more often repeated than any config is.
    """
    if len(text) > LARGEST_YAML:
        raise UserError(f"{where}: {len(text):,} characters; accepted are {LARGEST_YAML:,}")
    try:
        if _may_be_large(text):
            _check_events(text, where)
        return yaml.compose(text, FAST_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(f"{where}{line}: no valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # signs that no YAML has
        raise UserError(f"{where}: no valid YAML: {str(error).splitlines()[0]}") from None


def construct(node: yaml.Node | None, where: Path | str) -> Any:
    """The value of a node; none builds a Python object.

    Raises:
        UserError: a date, a number or a tag is none.
    """
    if node is None:
        return None
    with naming(Path(where), "is no valid YAML"):
        return yaml.SafeLoader("").construct_document(node)


def parse_yaml(text: str, where: Path | str) -> Any:
    """The value of YAML text.

    Raises:
        UserError: see `compose` and `construct`.
    """
    return construct(compose(text, where), where)


def python_text(value: str | None) -> str | None:
    """What Python writes for a value that is typed in YAML."""
    try:
        return str(parse_yaml(value or "", "a flag"))
    except UserError:
        return value


def read_yaml(path: Path) -> Any:
    """The value in a YAML file.

    Raises:
        UserError: it can't be read, or see `parse_yaml`.
    """
    return parse_yaml(read_text(path, LARGEST_YAML), path)


def _may_be_large(text: str) -> bool:
    """Whether a text might go beyond a bound; that it does not is seen a hundred times faster.

    Blocks in blocks stand in different columns of the signs that begin a line.
    """
    columns = max(map(len, _INDENT.findall(text)), default=0)
    brackets = text.count("[") + text.count("{")
    nodes = 2 * (text.count("\n") + text.count(",") + brackets) + columns
    longest = max(map(len, text.split("\n")))
    is_deep = columns + brackets > DEEPEST
    return "&" in text or is_deep or nodes > MOST_NODES or longest > LONGEST_NUMBER


def _check_events(text: str, where: Path | str) -> None:
    """Refuse what a pass over the events, which builds nothing, finds beyond a bound."""
    sizes: dict[str | None, int] = {}
    stack: list[tuple[str | None, int]] = [(None, 0)]  # anchor and nodes so far
    for event in yaml.parse(text, FAST_LOADER):
        place = f"{where}:{event.start_mark.line + 1}" if event.start_mark else where
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
            if len(stack) > DEEPEST + 1:
                raise UserError(f"{place}: more than {DEEPEST} levels inside of each other")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, count = stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [above for above, _ in stack]:
                raise UserError(f"{place}: '*{event.anchor}' refers to what it stands in")
            anchor, count = None, sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            if len(event.value) > LONGEST_NUMBER and _NUMBER.fullmatch(event.value):
                raise UserError(f"{place}: a number of {len(event.value):,} digits")
            anchor, count = event.anchor, 1
        else:
            continue
        sizes[anchor] = count
        stack[-1] = (stack[-1][0], stack[-1][1] + count)
        if stack[-1][1] > MOST_NODES:
            raise UserError(
                f"{place}: more than {MOST_NODES:,} values, with those that are repeated by `*`"
            )
