"""The data sets that can be prepared, by name."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.store.clip import Clip


class DataSet(NamedTuple):
    """What is said of a data set before its finder is imported."""

    summary: str
    experiment: str


DATA_SETS = {
    "ave": DataSet("AVE: 4,143 events in 4,097 videos, 28 classes", "taaf_ave"),
    "crema_d": DataSet("CREMA-D: 7,442 acted sentences, 6 emotions", "iemf_cremad"),
    "kinetics_sounds": DataSet("Kinetics-Sounds: 17,366 videos, 31 classes", "iemf_ks"),
    "urbansound8k_av": DataSet("UrbanSound8K-AV: 8,732 pictures, 10 classes", "iemf_us8k"),
}
"""The finder of each is a module of `datasets`."""


class Finder(Protocol):
    """A module that knows one data set's layout.

    Attributes:
        CLASS_NAMES: K names.
        LAYOUT: what lies in its source, in one line.
    """

    __doc__: str | None
    CLASS_NAMES: tuple[str, ...]
    LAYOUT: str

    def find_clips(self, source: Path, lists: Path | None) -> list[Clip]:
        """List the clips that lie in `source`, with the parts that the official lists say."""
        ...


def load_finder(name: str) -> Finder:
    """Return the finder of a data set.

    Raises:
        UserError: there is no data set of this name.
    """
    if name not in DATA_SETS:
        wanted = name.lower().replace("-", "_")
        near = difflib.get_close_matches(wanted, DATA_SETS, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?\n" if near else ""
        raise UserError(f"no data set '{name}' to prepare; {hint}accepted: {', '.join(DATA_SETS)}")
    return cast(Finder, import_module(f"datamodules.store.datasets.{name}"))
