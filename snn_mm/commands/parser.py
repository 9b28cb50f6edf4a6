"""A parser that raises what it has to say, and takes a later list of callbacks as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from snn_mm.commands.config_tree import Entry, read_flags

_TYPED: ContextVar[list[Entry] | None] = ContextVar("typed", default=None)
"""The flags of the command line that is being parsed."""

CONFIG_FLAGS = ("-c", "--config")


class ParserError(Exception):
    """What jsonargparse found wrong with the configs or flags, in its own words.

    Args:
        message: its message.
        keys: every key that the parser accepts, with dots.
    """

    def __init__(self, message: str, keys: list[str]) -> None:
        super().__init__(message)
        self.keys = keys


class Parser(LightningArgumentParser):
    """Lightning's parser without usage dumps, in which lists of callbacks do not mix."""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *rest: Any, **options: Any
    ) -> Namespace:
        """Parse a command line, or what jsonargparse hands of it to the parser of a class."""
        known = None if args is None else list(with_callbacks_emptied(args))
        typed = _TYPED.get()
        if typed is not None and known is not None:
            known = [as_typed(argument, typed) for argument in known]
        token = _TYPED.set(list(read_flags(known or [])) if typed is None else typed)
        try:
            settings: Namespace = super().parse_args(known, *rest, **options)
        finally:
            _TYPED.reset(token)
        return settings

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message."""
        subcommands = getattr(self, "_subcommands_action", None)
        parsers = [self] if subcommands is None else list(subcommands.choices.values())
        keys = {action.dest for parser in parsers for action in parser._actions}
        raise ParserError(message, sorted(keys)) from ex


def as_typed(argument: str, typed: Sequence[Entry]) -> str:
    """A flag as the user typed it.

    jsonargparse hands a flag below a class to the parser of that class with the value it has read,
    written as Python writes it: `None`, `[1, None]` and `inf` are words there, no values.

    Args:
        argument: what a parser gets, such as `--loader.prefetch_factor=None`.
        typed: the flags of the command line.
    """
    name, equals, text = argument.partition("=")
    for flag in read_flags([argument]) if equals else ():
        for entry in typed:
            if entry.path[-len(flag.path) :] == flag.path and python_text(entry.value) == text:
                return f"{name}={entry.value}"
    return argument


def python_text(value: str | None) -> str | None:
    """What Python writes for a value that is typed in YAML."""
    try:
        return str(yaml.safe_load(value or ""))
    except yaml.YAMLError:
        return value


def with_callbacks_emptied(arguments: Sequence[str]) -> Iterator[str]:
    """Empty `trainer.callbacks` before each config file that sets it.

    Of two lists of equal length jsonargparse merges item by item: the `start_epoch` of an earlier
    file's first callback would silently become that of the later file's first callback.
    """
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        name, equals, value = argument.partition("=")
        if name in CONFIG_FLAGS and sets_callbacks(Path(value if equals else following)):
            yield "--trainer.callbacks=[]"
        yield argument


def sets_callbacks(path: Path) -> bool:
    """Whether a config file, or the file it names as its trainer, has a list of callbacks."""
    content = _mapping(path)
    trainer = content.get("trainer")
    if isinstance(trainer, str):
        trainer = _mapping(path.parent / trainer)
    return isinstance(trainer, dict) and "callbacks" in trainer


def _mapping(path: Path) -> dict[str, Any]:
    """The content of a YAML file; empty where it has none, which is for others to say."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
