"""AVE: 28 events that are seen and heard in ten seconds of video (Tian et al., 2018)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from datamodules.base import SplitName
from datamodules.clips.module import ClipDataModule
from datamodules.clips.protocols import PMR
from datamodules.clips.split import ClipSplit
from datamodules.pairing import Rows
from datamodules.store.datasets import ave
from snn_mm.errors import check_choice

Repeats = Literal["first", "last", "all"]
ClassOrder = Literal["listed", "alphabetical"]


class AVE(ClipDataModule):
    """AVE, prepared by `snnmm prepare ave`.

    A clip is the annotated stretch of a video. Audio is `[1, 257, 1004]`, the stretch repeated to
    10 s at 16 kHz; visual three frames `[3, 3, 224, 224]`, drawn at random in training where PMR's
    code takes the first three files of a folder. PMR trains on the training list and selects the
    best epoch on the test list, as `select: test` does; 18 videos are in the training list and, as
    another event, in one of the other two.

    `snr_db` adds noise to what the network gets, as in `CremaD`. On this data set IEMF's `main.py`
    adds it to either modality in evaluation alone (`noise_in: evaluation`).

    Args:
        split: `listed`, the official three parts; `random`, class by class, where the events of one
            video stay together.
        repeats: which event of a video counts if a part has several: the `first` (PMR's code), the
            `last` (OGM-GE's code) or `all`.
        class_order: indices of the classes: `listed`, as the test list names them first (PMR's
            code), or `alphabetical` (OGM-GE's).
    """

    fold_group = "video"
    data_set = "ave"
    class_names: tuple[str, ...] = ave.CLASS_NAMES
    protocols: ClassVar = {"pmr": replace(PMR, seconds=10.0)}
    splits = ("listed", "random")

    def __init__(
        self,
        root: str = "data",
        *,
        protocol: Literal["pmr"] = "pmr",
        split: Literal["listed", "random"] = "listed",
        repeats: Repeats = "first",
        class_order: ClassOrder = "listed",
        **options: Any,
    ) -> None:
        super().__init__(root, protocol=protocol, split=split, **options)
        check_choice("repeats", repeats, ("first", "last", "all"))
        check_choice("class_order", class_order, ("listed", "alphabetical"))
        self.repeats, self.class_order = repeats, class_order
        if class_order == "alphabetical":
            self.class_names = tuple(sorted(ave.CLASS_NAMES))

    def group(self, clip: str) -> str:
        """Return the video, which an id names before its last word."""
        return clip.rpartition("_")[0]

    def load_split(self, name: SplitName) -> ClipSplit:
        """Open one split, its labels in the order of `class_names`."""
        split = super().load_split(name)
        index = np.array([self.class_names.index(name) for name in ave.CLASS_NAMES])
        split.labels = index[split.labels]
        return split

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        own = {"repeats": self.repeats, "class_order": self.class_order}
        return {**super().content_options(), **own}

    @cached_property
    def _rows(self) -> dict[SplitName, Rows]:
        """The rows of the store in each split, without the events that `repeats` leaves out."""
        ids, parts = self.store.ids, super()._rows
        if self.repeats == "all":
            return parts
        return {part: kept_events(rows, ids, self.repeats) for part, rows in parts.items()}


def kept_events(rows: Rows, ids: list[str], keep: Literal["first", "last"]) -> Rows:
    """Return of rows `[n]` those whose event is the first or the last of its video among them.

    Args:
        rows: indices into `ids`.
        ids: `<video>_<number>` of each event, numbered in the order of the lists.
        keep: which one.
    """
    by_number = sorted(rows.tolist(), key=lambda row: int(ids[row].rpartition("_")[2]))
    ordered = by_number if keep == "last" else by_number[::-1]
    kept = {ids[row].rpartition("_")[0]: row for row in ordered}
    return np.array(sorted(kept.values()), np.int64)
