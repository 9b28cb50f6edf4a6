"""Refuses keys that nothing accepts before torch is imported, which takes ten seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from snn_mm.config.catalogue import accepted_by
from snn_mm.config.keys.hints import suggest
from snn_mm.config.keys.layout import KeyLayout
from snn_mm.config.keys.parts import check_parts
from snn_mm.config.options import Command
from snn_mm.config.tree import MERGE, Entry, is_there, parsed
from snn_mm.config.trust.packages import check_entries
from snn_mm.errors import UserError

FREE = "dict_kwargs"
"""Where a config may put keys that no signature has; they are left to the parser."""


def check_keys(command: Command) -> None:
    """Refuse what the parser would refuse, as far as source alone can tell.

    Raises:
        UserError: names the key, its place and what is accepted.
    """
    entries = command.entries
    check_entries(entries)
    for file in files_of(command.configs, entries):
        check_indents(file)
    layout = KeyLayout(entries, command.stage)
    check_parts(command, layout)
    if has_free_keys(command, entries):
        return
    if unknown := next(layout.unknown(), None):
        raise UserError(layout.describe(*unknown))
    if nameless := layout.nameless():
        near = suggest(nameless.path[-1], layout.beside(nameless.path))
        raise UserError(
            f"{'.'.join(nameless.path)}: nothing says which class it is; a new one needs its "
            f"class_path\nin {nameless.entry.origin}{near}"
        )


def files_of(configs: list[Path], entries: list[Entry]) -> list[Path]:
    """Every file that keys come from."""
    places = (Path(entry.origin.rpartition(":")[0]) for entry in entries)
    return list(dict.fromkeys([*configs, *(place for place in places if place.suffix)]))


def has_free_keys(command: Command, entries: list[Entry]) -> bool:
    """Whether some keys are told by no signature."""
    files = files_of(command.configs, entries)
    texts = (parsed(file).text for file in files if is_there(file))
    return any(FREE in text for text in (*texts, *command.arguments))


def check_indents(file: Path) -> None:
    """Refuse a parameter that stands beside its class instead of below `init_args`.

    Raises:
        UserError: names both, with the line.
    """
    for name, key in beside_class(parsed(file).node) if is_there(file) else ():
        accepted = accepted_by(name)
        if accepted is not None:
            raise UserError(
                f"'{key.value}' stands beside class_path: {name}, one indent too far left; "
                f"keys of the class stand below init_args\nin {file}:{key.start_mark.line + 1}"
                + ("" if key.value in accepted else suggest(key.value, accepted))
            )


def beside_class(node: yaml.Node | None) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Keys of mappings that name a class, which may have nothing but its arguments beside it."""
    if isinstance(node, yaml.MappingNode):
        values = {key.value: value for key, value in node.value if is_word(key)}
        name = values.get("class_path")
        for key, value in node.value:
            allowed = ("class_path", "init_args", FREE)
            if isinstance(name, yaml.ScalarNode) and is_word(key) and key.value not in allowed:
                yield name.value, key
            yield from beside_class(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from beside_class(item)


def is_word(key: yaml.Node) -> bool:
    """Whether a key is a plain word, and not `<<`."""
    return isinstance(key, yaml.ScalarNode) and key.tag != MERGE
