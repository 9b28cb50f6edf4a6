"""UrbanSound8K-AV: ten sounds of a city, each with an image of its source (Guo et al.)."""

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
from datamodules.store.datasets import urbansound8k_av
from snn_mm.errors import check_choice

PROTOCOLS: dict[ProtocolName, Protocol] = {
    "iemf": replace(IEMF, seconds=None, audio_size=128, image_size=128, resize=256),
    "ogm_ge": IEMF,
    "pmr": replace(PMR, frames=1),
}


class UrbanSound8KAV(ClipDataModule):
    """UrbanSound8K-AV, prepared by `snnmm prepare urbansound8k_av`.

    In `iemf` audio is the spectrogram of the whole slice, resized to `[1, 128, 128]`, and visual
    `[3, 128, 128]`, in evaluation the middle quarter of the image. OGM-GE and PMR did not use the
    data set; their protocols treat it as they treat CREMA-D, with its single image.

    `snr_db` adds noise to what the network gets, as in `CremaD`. On this data set IEMF's spiking
    code (`--snr`) adds it to the image in training alone (`noise_in: training`).

    Args:
        root: directory that holds `prepared/urbansound8k_av`.
        protocol: whose way from a clip to the inputs is followed.
        override: fields of the protocol to set otherwise, such as `{image_size: 224}`.
        split: `random`, class by class, 7 to 3 as in IEMF's text, which puts slices of one
            recording on both sides; `groups`, where slices of one recording stay together.
        test_fraction: part of the clips that tests.
        val_fraction: part of the training clips that validates.
        select: what chooses the best epoch: `val`, or `test` as in the published code.
        snr_db: signal-to-noise ratio of each modality in dB, such as `{visual: 0.0}`.
        noise_in: which parts have the noise: `all`, `training` or `evaluation`.
        seed: decides the splits, the training order, what training draws and the noise.
        loader: how batches are loaded.
    """

    data_set = "urbansound8k_av"
    class_names = urbansound8k_av.CLASS_NAMES
    protocols = PROTOCOLS

    def __init__(
        self,
        root: str = "data",
        protocol: ProtocolName = "iemf",
        override: ProtocolFields = NO_OVERRIDE,
        split: Literal["random", "groups"] = "random",
        test_fraction: float = 0.3,
        val_fraction: float = 0.1,
        select: Select = "val",
        snr_db: ClipSNR = CLEAN,
        noise_in: NoiseIn = "all",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        check_choice("split", split, ("random", "groups"))
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
        """Return the recording, the id up to the first dash, where its slices stay together."""
        return clip.split("-")[0] if self.division == "groups" else clip
