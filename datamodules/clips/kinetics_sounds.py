"""Kinetics-Sounds: 31 actions that can be seen and heard (Arandjelović and Zisserman, 2017)."""

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
from datamodules.store.datasets import kinetics_sounds
from snn_mm.errors import check_choice

PROTOCOLS: dict[ProtocolName, Protocol] = {
    "iemf": replace(IEMF, frames=3),
    "ogm_ge": replace(
        IEMF, sample_rate=16000, seconds=None, spectrogram="fbank", n_mels=128, frames=3
    ),
    "pmr": PMR,
}


class KineticsSounds(ClipDataModule):
    """Kinetics-Sounds, prepared by `snnmm prepare kinetics_sounds`.

    Audio is `[1, 257, 188]` of the first 3 of 10 s in `iemf`, `[1, 128, 1024]` of all of them in
    `ogm_ge` (as BalanceBenchmark feeds it), visual three frames `[3, 3, 224, 224]`. PMR did not use
    the data set; `pmr` treats it as PMR treats CREMA-D. IEMF's code draws the frames of the test
    set at random too; here they are spread evenly.

    `snr_db` adds noise to what the network gets, as in `CremaD`. On this data set IEMF's spiking
    code (`--snr`) adds it to the frames in training and evaluation (`noise_in: all`).

    Args:
        root: directory that holds `prepared/kinetics_sounds`.
        protocol: whose way from a clip to the inputs is followed.
        override: fields of the protocol to set otherwise, such as `{frames: 1}`.
        split: `listed`, the official 14,772 and 2,594 clips or the folders `train` and `test`;
            `random`, class by class.
        test_fraction: part of the clips that tests, unless the split is `listed`.
        val_fraction: part of the training clips that validates.
        select: what chooses the best epoch: `val`, or `test` as in the published code.
        snr_db: signal-to-noise ratio of each modality in dB, such as `{visual: 0.0}`.
        noise_in: which parts have the noise: `all`, `training` or `evaluation`.
        seed: decides the splits, the training order, what training draws and the noise.
        loader: how batches are loaded.
    """

    data_set = "kinetics_sounds"
    class_names = kinetics_sounds.CLASS_NAMES
    protocols = PROTOCOLS

    def __init__(
        self,
        root: str = "data",
        protocol: ProtocolName = "iemf",
        override: ProtocolFields = NO_OVERRIDE,
        split: Literal["listed", "random"] = "listed",
        test_fraction: float = 0.15,
        val_fraction: float = 0.1,
        select: Select = "val",
        snr_db: ClipSNR = CLEAN,
        noise_in: NoiseIn = "all",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        check_choice("split", split, ("listed", "random"))
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
