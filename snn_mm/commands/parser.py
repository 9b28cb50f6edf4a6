"""A parser that raises what it has to say instead of printing usage and leaving."""

from __future__ import annotations

from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser


class ParserError(Exception):
    """What jsonargparse found wrong with the configs or flags, in its own words."""


class Parser(LightningArgumentParser):
    """Lightning's parser without usage dumps."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message."""
        raise ParserError(message) from ex
