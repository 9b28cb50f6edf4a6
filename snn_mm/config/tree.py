"""Where in files and flags each key of a config was set, to point at what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from snn_mm.config.renamed import now_called
from snn_mm.errors import UserError
from snn_mm.reading.text import naming, read_text
from snn_mm.reading.yaml_files import LARGEST_YAML, compose

KeyPath = tuple[str, ...]
WRAPPERS = ("init_args", "dict_kwargs")
CLASS = "class_path"
EVERY = "*"
"""Stands, below `encoders`, for each of those that were named before."""
MERGE = "tag:yaml.org,2002:merge"
"""What `<<` is, which mixes the keys of another mapping in."""


@dataclass(frozen=True)
class Entry:
    """One key that a user set.

    Attributes:
        path: the key, without the `init_args` between a class and its parameters.
        origin: `file:line`, or the flag.
        value: its value if it is a plain one, or a class name.
        is_class: whether it was written as `class_path`.
    """

    path: KeyPath
    origin: str
    value: str | None
    is_class: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """The key with dots."""
        return ".".join(self.path)


class ParsedFile(NamedTuple):
    """A config file: its text, and its nodes, which know their lines."""

    text: str
    node: yaml.Node | None


def parsed(path: Path) -> ParsedFile:
    """A config file, read and parsed once for all who ask, until it is changed.

    Raises:
        UserError: it can't be read, or is no YAML.
    """
    with naming(path, "can't be read"):
        state = path.stat()
    return _parsed(path, (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size))


@cache
def _parsed(path: Path, state: tuple[int, ...]) -> ParsedFile:
    text = read_text(path, LARGEST_YAML)
    return ParsedFile(text, compose(text, path))


def read_entries(configs: list[Path], arguments: list[str]) -> list[Entry]:
    """Every key of the config files, of the files they name, and of the flags."""
    entries = [entry for path in configs for entry in read_file(path)]
    return for_each_encoder([*entries, *read_flags(arguments)])


def for_each_encoder(entries: Iterable[Entry]) -> list[Entry]:
    """Keys in which `*` stands no more for the encoders that keys before them name."""
    names: dict[str, None] = {}
    found: list[Entry] = []
    for entry in entries:
        *above, name = entry.path[:3] if entry.path[:2] == ("model", "encoders") else ("",)
        if name == EVERY and above and names:
            rest = entry.path[3:]
            found += [replace(entry, path=(*above, known, *rest)) for known in names]
            continue
        found.append(entry)
        if len(above) == 2 and name != EVERY:
            names[name] = None
    return found


def check_configs(configs: list[Path]) -> None:
    """Refuse a config file that is missing, no YAML or ambiguous, with the place of the mistake.

    Raises:
        UserError: one of the files, or of those they name, can't be used.
    """
    for path in configs:
        if not is_there(path):
            raise UserError(f"--config {path}: no such file{_alike(path)}")
        if not isinstance(_checked(path), yaml.MappingNode):
            raise UserError(f"{path}: expected keys such as `model:`, found none")


def _alike(path: Path) -> str:
    """A line with what does the same now, or with the files of the nearest names."""
    if now := now_called(path):
        return f"\nnow: {now}"
    folders = dict.fromkeys([path.parent, Path("experiments")])
    files = {file.stem: str(file) for folder in folders for file in folder.glob("*.y*ml")}
    near = [files[stem] for stem in difflib.get_close_matches(path.stem, files)]
    return f"\nnearest: {', '.join(near)}" if near else "\nshipped ones: snnmm list experiments"


def _checked(path: Path, parts: bool = True) -> yaml.Node | None:
    """The content of a config file, after a look at it and at the files of its sections."""
    node = parsed(path).node
    check_unique(node, path)
    for _, value in node.value if parts and isinstance(node, yaml.MappingNode) else ():
        named = path.parent / value.value if is_file_name(value) else None
        if named is not None and is_there(named):
            _checked(named, parts=False)
    return node


def check_unique(node: yaml.Node | None, file: Path) -> None:
    """Refuse a mapping that has a key twice, of which YAML would take the last, or no word as key.

    Args:
        node: what a YAML file holds.
        file: the file, for the message.

    Raises:
        UserError: names key, file and both lines.
    """
    lines: dict[tuple[str, str], int] = {}
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        name, value = item if isinstance(node, yaml.MappingNode) else (None, item)
        if isinstance(name, yaml.ScalarNode):
            line = name.start_mark.line + 1
            first = lines.get((name.tag, name.value))
            if first is not None:
                raise UserError(
                    f"{file}:{line}: '{name.value}' is given twice, first in line {first}; "
                    "only one of them can hold"
                )
            lines[name.tag, name.value] = line
        elif name is not None:
            line = name.start_mark.line + 1
            raise UserError(f"{file}:{line}: a list or mapping where a name belongs")
        check_unique(value, file)


def is_collection(node: yaml.Node) -> bool:
    """Whether a node is a list or a mapping."""
    return isinstance(node, yaml.CollectionNode)


def is_file_name(node: yaml.Node) -> bool:
    """Whether a value may name a config file."""
    return isinstance(node, yaml.ScalarNode) and node.value.endswith((".yaml", ".yml"))


def is_there(path: Path) -> bool:
    """Whether there is such a file; a text that is too long to be a path is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_file(path: Path, prefix: KeyPath = (), within: tuple[Path, ...] = ()) -> Iterator[Entry]:
    """Keys of a config file; none if it is not there.

    Args:
        path: the file.
        prefix: the key that it is the value of.
        within: the files that name it.

    Raises:
        UserError: it, or a file that it names, is damaged or names itself.
    """
    if is_there(path):
        refuse_cycle(path, within)
        yield from _walk(parsed(path).node, prefix, (*within, path))


def refuse_cycle(path: Path, within: Iterable[Path]) -> None:
    """Refuse a file that is named by itself, at once or by way of others.

    Raises:
        UserError: it is among those that name it.
    """
    if any(path.samefile(above) for above in within):
        raise UserError(f"{path}: names itself, at once or by way of another file")


def _walk(node: yaml.Node | None, path: KeyPath, files: tuple[Path, ...]) -> Iterator[Entry]:
    file = files[-1]
    if isinstance(node, yaml.MappingNode):
        words = ((name, value) for name, value in node.value if not is_collection(name))
        for name, value in words:
            is_wrapper = name.value in WRAPPERS or name.tag == MERGE
            inner = path if is_wrapper else (*path, name.value.rstrip("+"))
            place = f"{file}:{name.start_mark.line + 1}"
            if not is_wrapper:
                plain = value.value if isinstance(value, yaml.ScalarNode) else None
                is_class = name.value == CLASS
                yield Entry(inner[:-1] if is_class else inner, place, plain, is_class)
            if name.value != CLASS:
                yield from _walk(value, inner, files)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*path, str(index))
            if isinstance(value, yaml.ScalarNode):
                yield Entry(inner, f"{file}:{value.start_mark.line + 1}", value.value)
            yield from _walk(value, inner, files)
    elif node is not None and is_file_name(node):
        yield from read_file(file.parent / node.value, path, files)


def read_flags(arguments: list[str]) -> Iterator[Entry]:
    """Keys that were set on the command line, in both spellings."""
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        if not argument.startswith("--"):
            continue
        name, equals, value = argument.partition("=")
        words = [word for word in name[2:].rstrip("+").split(".") if word not in WRAPPERS]
        is_class = words[-1:] == [CLASS]
        path = tuple(words[:-1] if is_class else words)
        value = value if equals else following
        yield Entry(path, name, value, is_class)
        yield from _inside(value, path, name)


def _inside(value: str, path: KeyPath, flag: str) -> Iterator[Entry]:
    """Keys of a mapping or list that a flag holds, such as `--model.optimizer={lr: 0.1}`."""
    if not value.startswith(("{", "[")):
        return
    try:
        node = compose(value, flag)
    except UserError:
        return  # which the parser says
    for entry in _walk(node, path, (Path(flag),)):
        yield replace(entry, origin=flag)
