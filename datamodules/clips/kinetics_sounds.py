"""Kinetics-Sounds: 31 actions that can be seen and heard (Arandjelović and Zisserman, 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from datamodules.clips.module import ClipDataModule
from datamodules.clips.protocols import IEMF, PMR
from datamodules.store.datasets import kinetics_sounds


class KineticsSounds(ClipDataModule):
    """Kinetics-Sounds, prepared by `snnmm prepare kinetics_sounds`.

    Audio is `[1, 257, 188]` of the first 3 of 10 s in `iemf`, `[1, 128, 1024]` of all of them in
    `ogm_ge` (as BalanceBenchmark feeds it), visual three frames `[3, 3, 224, 224]`. PMR did not use
    the data set; `pmr` treats it as PMR treats CREMA-D. IEMF's code draws the frames of the test
    set at random too; here they are spread evenly.

    `snr_db` adds noise to what the network gets, as in `CremaD`. On this data set IEMF's spiking
    code (`--snr`) adds it to the frames in training and evaluation (`noise_in: all`).

    Args:
        split: `listed`, the official 14,772 and 2,594 clips or the folders `train` and `test`;
            `random`, class by class.
    """

    data_set = "kinetics_sounds"
    class_names = kinetics_sounds.CLASS_NAMES
    protocols: ClassVar = {
        "iemf": replace(IEMF, frames=3),
        "ogm_ge": replace(
            IEMF, sample_rate=16000, seconds=None, spectrogram="fbank", n_mels=128, frames=3
        ),
        "pmr": PMR,
    }
    splits = ("listed", "random")

    def __init__(
        self,
        root: str = "data",
        *,
        split: Literal["listed", "random"] = "listed",
        test_fraction: float = 0.15,
        **options: Any,
    ) -> None:
        super().__init__(root, split=split, test_fraction=test_fraction, **options)
