"""What of a run differs from its experiment file, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonargparse import Namespace

from snn_mm.config.composition import ENDS
from snn_mm.config.tree import WRAPPERS, Entry, KeyPath

MAX_CHANGES = 8
SECTIONS = (
    "seed_everything", "trainer", "model", "data", "checkpoint", "guard", "test_after_fit",
    "linear_probe",
)  # fmt: skip
"""What an experiment is about; where a run is kept is not."""

Facts = dict[KeyPath, str]


def describe_changes(before: Namespace, after: Namespace, later: Iterable[Entry]) -> list[str]:
    """One line for each key that is removed, changed or set, at most `MAX_CHANGES`.

    Args:
        before: settings as the experiment file alone has them.
        after: settings of the run, defaults of classes included.
        later: what later files and flags set, to tell it from defaults.
    """
    was, now = facts_of(before), facts_of(after)
    given = {entry.path: entry for entry in later}
    removed = outermost(path for path in was if path not in now and not is_replaced(path, was, now))
    changed = [path for path in was if path in now and was[path] != now[path]]
    added = outermost(p for p in now if p not in was and (p in given or p[:-1] in LISTS))
    lines = [
        *(f"removed  {setting(path, was)}{advice(path, given)}" for path in removed),
        *(f"changed  {setting(path, was)} -> {now[path]}{reason(path, given)}" for path in changed),
        *(
            f"{'added ' if path[:-1] in LISTS else 'set   '}   {setting(path, now)}"
            for path in added
        ),
    ]
    left = len(lines) - MAX_CHANGES
    return lines if left <= 0 else [*lines[:MAX_CHANGES], f"and {left} more, see config.yaml"]


LISTS = (("trainer", "callbacks"), ("trainer", "logger"), ("trainer", "plugins"))
"""Lists of classes, none of which is there by default."""


def setting(path: KeyPath, facts: Facts) -> str:
    """A key and its value; the key alone where it says it all."""
    return ".".join(path) + (f": {facts[path]}" if facts[path] else "")


def advice(path: KeyPath, given: Mapping[KeyPath, Entry]) -> str:
    """How to keep a member of a list that a flag replaced."""
    entry = given.get(path[:-1]) if path[:-1] in LISTS else None
    is_flag = entry is not None and entry.origin == f"--{entry.key}"
    return f"  (--{'.'.join(path[:-1])}+ adds to the list)" if is_flag else ""


def reason(path: KeyPath, given: Mapping[KeyPath, Entry]) -> str:
    """Why a key changed that nobody set."""
    follows = path[-1] in ENDS and path not in given
    return "  (follows trainer.max_epochs)" if follows else ""


def facts_of(settings: Namespace) -> Facts:
    """Every value of an experiment by its key, classes by their short names."""
    return {
        path: value
        for section in SECTIONS
        for path, value in walk(settings.get(section), (section,))
        if value not in ("null", "[]")
    }


def walk(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The value at a key and what is below it; members of a list of classes by class."""
    if path in LISTS and has_class(value):
        value = [value]  # as a single flag gives it
    if isinstance(value, Namespace | dict):
        items = dict(vars(value) if isinstance(value, Namespace) else value)
        kind = items.pop("class_path", None)
        if kind is not None:
            is_member = path[-1].partition("#")[0] == short(kind)
            yield path, "" if is_member else short(kind)
        for key, inner in items.items():
            if key != "__path__":
                yield from walk(inner, path if key in WRAPPERS else (*path, str(key)))
    elif isinstance(value, list) and any(has_class(item) for item in value):
        seen: list[str] = []
        for item in value:
            name = short(item["class_path"]) if has_class(item) else str(item)
            seen.append(name)
            count = seen.count(name)
            yield from walk(item, (*path, name if count == 1 else f"{name}#{count}"))
    else:
        yield path, text_of(value)


def has_class(value: Any) -> bool:
    """Whether a value is a class with its arguments."""
    return isinstance(value, Namespace | dict) and "class_path" in value


def short(kind: Any) -> str:
    """The last word of a class path."""
    return str(kind).rpartition(".")[2]


def text_of(value: Any) -> str:
    """A plain value as YAML has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text_of, value))}]"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def is_replaced(path: KeyPath, was: Facts, now: Facts) -> bool:
    """Whether a key went because a class above it gave way to another, which is said itself."""
    above = (path[:length] for length in range(1, len(path)))
    return any(key in was and key in now and was[key] != now[key] for key in above)


def outermost(paths: Iterable[KeyPath]) -> list[KeyPath]:
    """Keys without those that stand below another one of them."""
    found = list(paths)
    every = set(found)
    return [p for p in found if not any(p[:length] in every for length in range(1, len(p)))]
