"""A parser that raises what it has to say, and composes configs without dropping what they omit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NoReturn

from jsonargparse import Namespace
from lightning.pytorch.cli import ActionConfigFile

from snn_mm.config.composition import ConfigFile, lay_over, select_modalities
from snn_mm.config.data_facts import fill_from_data
from snn_mm.config.tree import Entry, KeyPath, read_flags
from snn_mm.config.trust.gate import GuardedParser
from snn_mm.reading.yaml_files import python_text

_TYPED: ContextVar[list[Entry] | None] = ContextVar("typed", default=None)
"""The flags of the command line that is being parsed."""


class ParserError(Exception):
    """What jsonargparse found wrong with the configs or flags, in its own words."""


class Parser(GuardedParser):
    """Lightning's parser without usage dumps, in which config files are layers.

    Attributes:
        layers: the settings after each config file that was read.
        given: the keys that these files and the flags set.
        is_filled: whether the settings that were parsed have what the data know.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.layers: list[Namespace] = []
        self.given: set[KeyPath] = set()
        self.args: list[str] = []
        self.is_filled = False
        super().__init__(*args, **options)

    def add_argument(self, *args: Any, **options: Any) -> Any:
        """Add an argument; that of config files with our composition."""
        if options.get("action") is ActionConfigFile:
            options["action"] = ConfigFile
        return super().add_argument(*args, **options)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *rest: Any, **options: Any
    ) -> Namespace:
        """Parse a command line, or what jsonargparse hands of it to the parser of a class."""
        self.layers, self.given, self.is_filled = [], set(), False
        known = None if args is None else list(args)
        typed = _TYPED.get()
        if typed is not None and known is not None:
            known = [as_typed(argument, typed) for argument in known]
        token = _TYPED.set(list(read_flags(known or [])) if typed is None else typed)
        try:
            settings: Namespace = super().parse_args(known, *rest, **options)
        finally:
            _TYPED.reset(token)
        self.settle(settings)
        fill_from_data(self, settings, self.given)
        self.is_filled = True
        return settings

    def dump(self, cfg: Namespace, *rest: Any, **options: Any) -> str:
        """Settings as YAML; `--print_config` asks for them before they are parsed to the end."""
        if self.is_filled:
            return str(super().dump(cfg, *rest, **options))
        shown = cfg.clone()
        self.settle(shown)
        with suppress(Exception):  # an incomplete config is shown as it is
            fill_from_data(self, shown, self.given)
        return str(super().dump(shown, *rest, **options))

    def settle(self, settings: Namespace) -> None:
        """Add to settings, in place, what follows from the flags of a command line."""
        flags = list(read_flags(self.args))
        self.given |= {flag.path for flag in flags}
        if self.layers:
            lay_over(self.layers[-1], settings, flags)
        select_modalities(settings)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message."""
        raise ParserError(message) from ex


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
