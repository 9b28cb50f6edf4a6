"""Where in files and flags each key of a config was set, to point at what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from snn_mm.errors import UserError

KeyPath = tuple[str, ...]
WRAPPERS = ("init_args", "dict_kwargs")


@dataclass(frozen=True)
class Entry:
    """One key that a user set.

    Attributes:
        path: the key, without the `init_args` between a class and its parameters.
        place: `file:line`, or the flag.
        value: its value if it is a plain one, or a class name.
    """

    path: KeyPath
    place: str
    value: str | None

    @property
    def key(self) -> str:
        """The key with dots."""
        return ".".join(self.path)


def read_entries(configs: list[Path], arguments: list[str]) -> list[Entry]:
    """Every key of the config files, of the files they name, and of the flags."""
    entries = [entry for path in configs for entry in read_file(path)]
    return [*entries, *read_flags(arguments)]


def check_configs(configs: list[Path]) -> None:
    """Refuse a config file that is missing or no YAML, with the place of the mistake.

    Raises:
        UserError: one of the files can't be used.
    """
    for path in configs:
        if not path.is_file():
            raise UserError(f"--config {path}: no such file\nshipped ones: snnmm list experiments")
        try:
            node = yaml.compose(path.read_text())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = f":{mark.line + 1}" if mark is not None else ""
            raise UserError(f"{path}{line}: no valid YAML: {error.problem}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: no valid YAML: {str(error).splitlines()[0]}") from None
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{path}: expected keys such as `model:`, found none")


def read_file(path: Path, prefix: KeyPath = ()) -> Iterator[Entry]:
    """Keys of a config file; none if it can't be read."""
    try:
        node = yaml.compose(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return
    yield from _walk(node, prefix, path)


def _walk(node: yaml.Node | None, path: KeyPath, file: Path) -> Iterator[Entry]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = path if name.value in WRAPPERS else (*path, name.value.rstrip("+"))
            place = f"{file}:{name.start_mark.line + 1}"
            if name.value not in WRAPPERS:
                plain = value.value if isinstance(value, yaml.ScalarNode) else None
                yield Entry(inner[:-1] if name.value == "class_path" else inner, place, plain)
            if name.value != "class_path":
                yield from _walk(value, inner, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*path, str(index))
            if isinstance(value, yaml.ScalarNode):
                yield Entry(inner, f"{file}:{value.start_mark.line + 1}", value.value)
            yield from _walk(value, inner, file)
    elif isinstance(node, yaml.ScalarNode) and node.value.endswith((".yaml", ".yml")):
        yield from read_file(file.parent / node.value, path)


def read_flags(arguments: list[str]) -> Iterator[Entry]:
    """Keys that were set on the command line, in both spellings."""
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        if not argument.startswith("--"):
            continue
        name, equals, value = argument.partition("=")
        words = [word for word in name[2:].rstrip("+").split(".") if word not in WRAPPERS]
        path = tuple(words[:-1] if words[-1] == "class_path" else words)
        value = value if equals else following
        yield Entry(path, name, value)
        yield from _inside(value, path, name)


def _inside(value: str, path: KeyPath, flag: str) -> Iterator[Entry]:
    """Keys of a mapping or list that a flag holds, such as `--model.optimizer={lr: 0.1}`."""
    if not value.startswith(("{", "[")):
        return
    try:
        node = yaml.compose(value)
    except yaml.YAMLError:
        return
    for entry in _walk(node, path, Path(flag)):
        yield replace(entry, place=flag)
