"""Says in a few lines what jsonargparse says in many: key, place, nearest accepted names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from snn_mm.config.class_names import (
    ROOTS,
    class_choices,
    find_class,
    import_failure,
    mapping_keys,
    parameter_bases,
    parameters,
)
from snn_mm.config.keys.hints import suggest
from snn_mm.config.keys.parts import NOTHING_TO_RUN
from snn_mm.config.tree import WRAPPERS, Entry, KeyPath, read_entries

CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class Settings:
    """What a user set, and what the parser knows.

    Attributes:
        entries: every key that was set.
        keys: every key that the parser itself accepts, with dots.
    """

    entries: list[Entry]
    keys: list[str]

    def class_at(self, path: KeyPath) -> object:
        """The class that a key holds, None if it holds none."""
        names = [entry.value for entry in self.entries if entry.path == path and entry.value]
        return find_class(names[-1]) if names else None

    def accepted_at(self, path: KeyPath) -> list[str]:
        """Names that may stand below a key."""
        kind = self.class_at(path)
        if kind is not None:
            return list(parameters(kind))
        above, owner = self.owner(path)
        if owner is not None and len(path) == len(above) + 1:
            return mapping_keys(owner, path[-1])
        prefix = "".join(f"{word}." for word in path)
        below = {key[len(prefix) :].split(".")[0] for key in self.keys if key.startswith(prefix)}
        return sorted(below)

    def first_unknown(self, path: KeyPath) -> KeyPath:
        """A key up to its first word that is not accepted where it stands."""
        for length in range(1, len(path)):
            accepted = self.accepted_at(path[: length - 1])
            if accepted and path[length - 1] not in accepted:
                return path[:length]
        return path

    def owner(self, path: KeyPath) -> tuple[KeyPath, object]:
        """The nearest key above that holds a class, and the class."""
        for length in range(len(path) - 1, 0, -1):
            kind = self.class_at(path[:length])
            if kind is not None:
                return path[:length], kind
        return (), None


def explain(message: str, keys: list[str], configs: list[Path], arguments: list[str]) -> str:
    """Explain a message of jsonargparse.

    Args:
        message: what it said.
        keys: keys that the parser accepts, with dots.
        configs: config files of the command.
        arguments: the command line.
    """
    settings = Settings(read_entries(configs, arguments), keys)
    for entry in settings.entries:
        name = entry.value or ""
        is_class = CLASS_PATH.fullmatch(name) and name in message
        if is_class and (failure := import_failure(name)):
            return f"{entry.key}: {name} can't be imported: {failure}\nin {entry.place}"
    for pattern, answer in ANSWERS:
        if found := re.search(pattern, message):
            return answer(found, message, settings)
    return message


def unknown_key(found: re.Match[str], message: str, settings: Settings) -> str:
    """A key that nothing accepts."""
    value = re.search(GOT_VALUE, message)
    if value and f'Parser key "{found[1]}":' in message:  # one of several kinds accepts the key
        return wrong_value(value, message, settings)
    wanted = tuple(word for word in found[1].lstrip("-").split(".") if word != "init_args")
    entries = [
        entry
        for entry in settings.entries
        if entry.path[-len(wanted) :] == wanted
        and entry.path[-1] not in settings.accepted_at(entry.path[:-1])
    ]
    path = settings.first_unknown(entries[0].path if entries else wanted)
    place = next((f"\nin {e.place}" for e in settings.entries if e.path == path), "")
    owner = settings.class_at(path[:-1])
    of_class = f" of {owner.__name__}" if inspect.isclass(owner) else ""
    accepted = settings.accepted_at(path[:-1])
    hint = suggest(path[-1], accepted, settings.keys)
    return f"unknown key '{'.'.join(path)}'{of_class}{place}{hint}"


def unknown_class(found: re.Match[str], message: str, settings: Settings) -> str:
    """A class that does not exist or does not fit."""
    name = found[1]
    entry = next((entry for entry in settings.entries if entry.value == name), None)
    if entry is None:
        return f"unknown class '{name}'"
    reason = re.search(r"No module named '[^']*'|is abstract", message) if "." in name else None
    bases = [base for root, base in ROOTS.items() if entry.path[: len(root)] == root]
    path, owner = settings.owner(entry.path)
    if owner is not None:
        bases = parameter_bases(owner, entry.path[len(path)])
    line = f"{entry.key}: no class '{name}' that fits here" + (f" ({reason[0]})" if reason else "")
    return f"{line}\nin {entry.place}" + suggest(name.rpartition(".")[2], class_choices(bases))


def unknown_field(found: re.Match[str], message: str, settings: Settings) -> str:
    """A key of a mapping whose keys are fixed (a TypedDict)."""
    leaf, fields = found[1].rpartition(".")[2], re.findall(r"'([^']+)'", found[2])
    entry = next((e for e in settings.entries if e.path[-2:] == (leaf, fields[0])), None)
    if entry is None:
        return f"{leaf}: unknown key '{fields[0]}'"
    path, owner = settings.owner(entry.path[:-1])
    accepted = mapping_keys(owner, leaf) if path else []
    return f"unknown key '{entry.key}'\nin {entry.place}" + suggest(fields[0], accepted)


def missing_value(found: re.Match[str], message: str, settings: Settings) -> str:
    """A parameter without a default that was not given."""
    names = [name.rpartition(".")[2] for name in found[1].split(", ")]
    if {"model", "data"} & set(names):
        return NOTHING_TO_RUN.format(missing=" and ".join(names))
    for entry in settings.entries:
        kind = settings.class_at(entry.path)
        known = parameters(kind) if inspect.isclass(kind) else {}
        given = {other.path[-1] for other in settings.entries if other.path[:-1] == entry.path}
        if all(
            name in known and known[name].default is inspect.Parameter.empty and name not in given
            for name in names
        ):
            owner = f"{entry.key} ({getattr(kind, '__name__', '')})"
            return f"{owner}: missing {', '.join(names)}\nin {entry.place}"
    return f"missing: {', '.join(names)}"


def wrong_value(found: re.Match[str], message: str, settings: Settings) -> str:
    """A value of the wrong type."""
    value = found[1].strip().strip("'\"")
    wanted = key_of(message)
    fits = [e for e in settings.entries if stands_at(e.path, wanted) and is_typed(e.value, value)]
    fits = fits or [e for e in settings.entries if e.path[-1:] == wanted[-1:]]
    name, place = (fits[-1].key, f"\nin {fits[-1].place}") if fits else (wanted[-1], "")
    if value.endswith((".yaml", ".yml")):
        return f"{name}: no such file '{value}' beside the config that names it{place}"
    return f"{name}: expected {expected_types(message)}, got '{value}'{place}"


def key_of(message: str) -> KeyPath:
    """The key a message is about: that of a flag, or the nested ones of a file."""
    keys = re.findall(r'Parser key "([^"]+)"', message)
    flag = re.search(r"NestedArg\(key='([^']+)'", message)
    words = ".".join([*keys[:1], flag[1]] if flag else keys).split(".")
    return tuple(word for word in words if word not in WRAPPERS)


def stands_at(path: KeyPath, wanted: KeyPath) -> bool:
    """Whether a key has the words of a message, which leaves out an item's number or the last."""
    rest = iter(path)
    return all(word in rest for word in wanted)


def is_typed(typed: str | None, value: str) -> bool:
    """Whether a message, which has Python's words for true and null, means what was typed."""
    return typed is not None and value in (typed, str(yaml.safe_load(typed)))


def expected_types(message: str) -> str:
    """What the innermost part of a message would accept, such as `int or null`."""
    inner = innermost(message)
    kinds = re.findall(r"Expected an? <class '(?:[\w.]+\.)?(\w+)'>", inner)
    literals = re.findall(r"Expected a typing\.Literal\[(.*?)\]", inner)
    choices = [choice.strip("' ") for literal in literals for choice in literal.split(",")]
    names = dict.fromkeys("null" if kind == "NoneType" else kind for kind in [*choices, *kinds])
    return " or ".join(names) or "another type"


def innermost(message: str) -> str:
    """The lines of the last `Parser key` and those indented below it."""
    lines = message[message.rfind('Parser key "') :].splitlines()
    before = message[: message.rfind('Parser key "')].rpartition("\n")[2]
    inner = [line for line in lines[1:] if len(line) - len(line.lstrip(" ")) > len(before)]
    return "\n".join([*lines[:1], *inner[: len(lines)]])


GOT_VALUE = r"(?:Given|Got) value: (.*)"
Answer = Callable[[re.Match[str], str, Settings], str]
ANSWERS: tuple[tuple[str, Answer], ...] = (
    (r"does not accept option '([^']+)'", unknown_key),
    (r"Option '([^']+)' is not accepted", unknown_key),
    (r"unrecognized arguments: ([^\s=]+)", unknown_key),
    (r"(?:given class_path '|instantiatable class, but )([\w.]+)", unknown_class),
    (r"Expected a dot import path string: (\S+)", unknown_class),
    (r'Parser key "([^"]+)":\s+Unexpected keys: (\{.*?\})', unknown_field),
    (r"the following arguments are required: (.+)", missing_value),
    (GOT_VALUE, wrong_value),
)
"""What jsonargparse 4 says, and who explains it; the first that fits wins."""
