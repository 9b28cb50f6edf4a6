"""Refuses pickles of a few bytes that are endless when they are walked."""

from __future__ import annotations

from collections.abc import Iterable

from datamodules.feature_files.values import PickledArray, RefusedError

DEEPEST = 100
_END = object()
REPEATS = 10
"""How often a file may repeat what it says; a list that two splits share is said once."""


def check_tangle(content: object, size: int) -> None:
    """Refuse what refers to itself, is nested too deeply, or repeats itself without end.

    Args:
        content: what a pickle holds.
        size: bytes of the file.

    Raises:
        RefusedError: it is such a one.
    """
    counts: dict[int, int] = {}  # objects inside of each container, itself included
    path: list[tuple[object, Iterable[object]]] = []
    within: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if value is _END:
            done, items = path.pop()
            within.discard(id(done))
            counts[id(done)] = 1 + sum(counts.get(id(item), 1) for item in items)
            if counts[id(done)] > REPEATS * size + 1000:
                raise RefusedError("repeats itself without end")
            continue
        items = _items(value)
        if not items or id(value) in counts:
            continue
        if id(value) in within:
            raise RefusedError("refers to itself")
        if len(path) == DEEPEST:
            raise RefusedError(f"has more than {DEEPEST} levels inside of each other")
        path.append((value, items))
        within.add(id(value))
        waiting += [_END, *items]


def _items(value: object) -> Iterable[object]:
    """What is in a container; nothing for anything else."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, PickledArray):
        return (value.values,)
    return value if isinstance(value, list | tuple | set | frozenset) else ()
