"""CREMA-D: six emotions, spoken and seen (Cao et al., 2014)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from datamodules.base import DEFAULT_LOADER, LoaderOptions
from datamodules.clips.module import ClipDataModule, NoiseIn, Select
from datamodules.clips.protocols import (
    IEMF,
    NO_OVERRIDE,
    PMR,
    Protocol,
    ProtocolFields,
    ProtocolName,
)
from datamodules.clips.split import CLEAN, ClipSNR
from datamodules.store.datasets import crema_d
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

    `snr_db` adds noise to what the network gets: normalised pixels, log spectrograms; in training a
    new one in every epoch. IEMF's spiking code (`--snr`) adds it to the frame in training alone
    (`noise_in: training`), its `main.py` to either modality in evaluation alone. Both take one
    power for a whole batch, and the spiking code draws anew for each time step; here a clip has its
    own power, and one noise for all time steps.

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
        snr_db: signal-to-noise ratio of each modality in dB, such as `{visual: 0.0}`.
        noise_in: which parts have the noise: `all`, `training` or `evaluation`.
        seed: decides the splits, the training order, what training draws and the noise.
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
        snr_db: ClipSNR = CLEAN,
        noise_in: NoiseIn = "all",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        check_choice("split", split, ("random", "listed", "actors"))
        super().__init__(
            root,
            protocol,
            override,
            split,
            test_fraction,
            val_fraction,
            select,
            snr_db,
            noise_in,
            seed,
            loader,
        )

    def group(self, clip: str) -> str:
        """Return the actor, the first word of the id, where actors stay together."""
        return clip.split("_")[0] if self.division == "actors" else clip
