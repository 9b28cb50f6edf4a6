"""Says in a few lines what jsonargparse says in many: key, place, nearest accepted names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from snn_mm.config.catalogue import Parameter, accepted_by, to_parameters
from snn_mm.config.class_names import (
    ROOTS,
    class_choices,
    find_class,
    import_failure,
    parameter_bases,
)
from snn_mm.config.keys.hints import suggest
from snn_mm.config.keys.layout import KeyLayout
from snn_mm.config.keys.parts import NOTHING_TO_RUN
from snn_mm.config.manifest import described
from snn_mm.config.renamed import now_called
from snn_mm.config.tree import WRAPPERS, Entry, KeyPath
from snn_mm.config.trust.packages import is_allowed, refusal
from snn_mm.reading.yaml_files import python_text

CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def explain(message: str, entries: list[Entry]) -> str:
    """Explain a message of jsonargparse.

    Args:
        message: what it said.
        entries: every key that was set.
    """
    layout = KeyLayout(entries, "fit", accepted_by_imported)
    for entry in layout.entries:
        name = entry.value or ""
        is_class = CLASS_PATH.fullmatch(name) and name in message
        if is_class and is_allowed(name) and (failure := import_failure(name)):
            return f"{entry.key}: {name} can't be imported: {failure}\nin {entry.origin}"
    for pattern, answer in ANSWERS:
        if found := re.search(pattern, message):
            return answer(found, message, layout)
    return message


def accepted_by_imported(name: str) -> dict[str, Parameter] | None:
    """What a class accepts: as the manifest says, else as it says itself if it is imported."""
    known = accepted_by(name)
    kind = find_class(name) if known is None else None
    return known if kind is None else {p.name: p for p in to_parameters(described(kind))}


def unknown_key(found: re.Match[str], message: str, layout: KeyLayout) -> str:
    """A key that nothing accepts, such as one of a mapping whose keys are fixed."""
    value = re.search(GOT_VALUE, message)
    if value and f'Parser key "{found[1]}":\n' in message and found.re.groups == 1:
        return wrong_value(value, message, layout)  # one of several kinds accepts the key
    words = ".".join(word.strip("-{' ").partition("'")[0] for word in found.groups()).split(".")
    wanted = tuple(word for word in words if word not in WRAPPERS)
    unknown = [each for each in layout.unknown() if ends_with(each.entry.path, wanted)]
    return layout.describe(*unknown[0]) if unknown else layout.describe(None, wanted)


def ends_with(path: KeyPath, words: KeyPath) -> bool:
    """Whether a key has the words of a message as its last ones, as far as it goes."""
    return path[-len(words) :] == words[-len(path) :]


def unknown_class(found: re.Match[str], message: str, layout: KeyLayout) -> str:
    """A class that does not exist or does not fit."""
    name = found[1]
    entry = next((entry for entry in layout.entries if entry.value == name), None)
    if entry is None:
        return f"unknown class '{name}'"
    reason = re.search(r"No module named '[^']*'|is abstract", message) if "." in name else None
    bases = [base for root, base in ROOTS.items() if entry.path[: len(root)] == root]
    for length in range(1, len(entry.path)):  # the nearest class above says what fits
        if owner := find_class(layout.class_at(entry.path[:length]) or ""):
            bases = parameter_bases(owner, entry.path[length])
    line = f"{entry.key}: no class '{name}' that fits here" + (f" ({reason[0]})" if reason else "")
    return f"{line}\nin {entry.origin}" + suggest(name.rpartition(".")[2], class_choices(bases))


def missing_value(found: re.Match[str], message: str, layout: KeyLayout) -> str:
    """A parameter without a default that was not given."""
    names = [name.rpartition(".")[2] for name in found[1].split(", ")]
    if {"model", "data"} & set(names):
        return NOTHING_TO_RUN.format(missing=" and ".join(names))
    for entry in layout.entries:
        known = layout.accepted(entry.path) or {}
        given = {other.path[-1] for other in layout.entries if other.path[:-1] == entry.path}
        required = {name for name, each in known.items() if each.default is None} - given
        if required.issuperset(names):
            kind = (layout.class_at(entry.path) or "").rpartition(".")[2]
            return f"{entry.key} ({kind}): missing {', '.join(names)}\nin {entry.origin}"
    return f"missing: {', '.join(names)}"


def wrong_value(found: re.Match[str], message: str, layout: KeyLayout) -> str:
    """A value of the wrong type."""
    value = found[1].strip().strip("'\"")
    wanted = key_of(message)
    fits = [e for e in layout.entries if stands_at(e.path, wanted) and is_typed(e.value, value)]
    fits = fits or [e for e in layout.entries if e.path[-1:] == wanted[-1:]]
    name, place = (fits[-1].key, f"\nin {fits[-1].origin}") if fits else (wanted[-1], "")
    if value.endswith((".yaml", ".yml")):
        now = f"\nnow: {called}" if (called := now_called(Path(value))) else ""
        return f"{name}: no such file '{value}' beside the config that names it{place}{now}"
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
    return typed is not None and value in (typed, python_text(typed))


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


def not_trusted(found: re.Match[str], message: str, layout: KeyLayout) -> str:
    """A name by which something is reached that no config may name."""
    return refusal(found[1], layout.entries)


GOT_VALUE = r"(?:Given|Got) value: (.*)"
Answer = Callable[[re.Match[str], str, KeyLayout], str]
ANSWERS: tuple[tuple[str, Answer], ...] = (
    (r"Importing '([\w.]+)' is not allowed", not_trusted),
    (r"does not accept option '([^']+)'", unknown_key),
    (r"Option '([^']+)' is not accepted", unknown_key),
    (r"unrecognized arguments: ([^\s=]+)", unknown_key),
    (r"(?:given class_path '|instantiatable class, but )([\w.]+)", unknown_class),
    (r"Expected a dot import path string: (\S+)", unknown_class),
    (r"a callable class: No module named .*?Got value: ([\w.]+)", unknown_class),
    (r'Parser key "([^"]+)":\s+Unexpected keys: (\{.*?\})', unknown_key),
    (r"the following arguments are required: (.+)", missing_value),
    (GOT_VALUE, wrong_value),
)
"""What jsonargparse 4 says, and who explains it; the first that fits wins."""
