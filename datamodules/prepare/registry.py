"""The data sets that can be prepared, by name."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from datamodules.prepare.clip import Clip
from snn_mm.errors import UserError

NAMES = ("crema_d", "kinetics_sounds", "urbansound8k_av")
"""Each is a module of this package."""


class Finder(Protocol):
    """A module that knows one data set's layout; its docstring describes it.

    Attributes:
        CLASS_NAMES: K names.
    """

    __doc__: str | None
    CLASS_NAMES: tuple[str, ...]

    def find_clips(self, source: Path, lists: Path | None) -> list[Clip]:
        """List the clips that lie in `source`, with the parts that the official lists say."""
        ...


def load_finder(name: str) -> Finder:
    """Return the finder of a data set.

    Raises:
        UserError: there is no data set of this name.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), NAMES, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?\n" if near else ""
        raise UserError(f"no data set '{name}' to prepare; {hint}accepted: {', '.join(NAMES)}")
    return cast(Finder, import_module(f"datamodules.prepare.{name}"))
