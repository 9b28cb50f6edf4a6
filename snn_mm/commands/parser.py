"""A parser that raises what it has to say instead of printing usage and leaving."""

from __future__ import annotations

from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser


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
    """Lightning's parser without usage dumps."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message."""
        subcommands = getattr(self, "_subcommands_action", None)
        parsers = [self] if subcommands is None else list(subcommands.choices.values())
        keys = {action.dest for parser in parsers for action in parser._actions}
        raise ParserError(message, sorted(keys)) from ex
