"""CREMA-D: six emotions, spoken and seen (Cao et al., 2014)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from datamodules.base import DEFAULT_LOADER, LoaderOptions
from datamodules.clip_module import ClipDataModule, Select
from datamodules.prepare import crema_d
from datamodules.protocols import (
    IEMF,
    NO_OVERRIDE,
    PMR,
    Protocol,
    ProtocolFields,
    ProtocolName,
)
from snn_mm.errors import check_choice

PROTOCOLS: dict[ProtocolName, Protocol] = {
    "iemf": IEMF,
    "ogm_ge": replace(IEMF, frame_draw="once"),
    "pmr": PMR,
}


class CremaD(ClipDataModule):
    """CREMA-D, prepared by `snnmm prepare crema_d`.

    Audio is `[1, 257, 188]` (`iemf`, `ogm_ge`) or `[1, 257, 299]` (`pmr`), visual one frame
    `[3, 224, 224]` or, in `pmr`, three. IEMF's code draws the frame once, when it prepares the
    data; its text and `iemf` here draw it anew in every epoch, `ogm_ge` draws it once.

    Args:
        root: directory that holds `prepared/crema_d`.
        protocol: whose way from a clip to the inputs is followed.
        override: fields of the protocol to set otherwise, such as `{frames: 3}`.
        split: `random`, class by class, 9 to 1 as in IEMF's text; `listed`, the 744 test clips of
            OGM-GE's lists (both leave actors of the test set in the training set); `actors`, where
            no actor is in two parts.
        test_fraction: part of the clips that tests, unless the split is `listed`.
        val_fraction: part of the training clips that validates.
        select: what chooses the best epoch: `val`, or `test` as in the published code.
        seed: decides the splits, the training order and what training draws.
        loader: how batches are loaded.
    """

    data_set = "crema_d"
    class_names = crema_d.CLASS_NAMES
    protocols = PROTOCOLS

    def __init__(
        self,
        root: str = "data",
        protocol: ProtocolName = "iemf",
        override: ProtocolFields = NO_OVERRIDE,
        split: Literal["random", "listed", "actors"] = "random",
        test_fraction: float = 0.1,
        val_fraction: float = 0.1,
        select: Select = "val",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        check_choice("split", split, ("random", "listed", "actors"))
        super().__init__(
            root, protocol, override, split, test_fraction, val_fraction, select, seed, loader
        )

    def group(self, clip: str) -> str:
        """Return the actor, the first word of the id, where actors stay together."""
        return clip.split("_")[0] if self.division == "actors" else clip
