"""UrbanSound8K-AV: ten sounds of a city, each with an image of its source (Guo et al.)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from datamodules.clips.module import ClipDataModule
from datamodules.clips.protocols import IEMF, PMR
from datamodules.store.datasets import urbansound8k_av


class UrbanSound8KAV(ClipDataModule):
    """UrbanSound8K-AV, prepared by `snnmm prepare urbansound8k_av`.

    In `iemf` audio is the spectrogram of the whole slice, resized to `[1, 128, 128]`, and visual
    `[3, 128, 128]`, in evaluation the middle quarter of the image. OGM-GE and PMR did not use the
    data set; their protocols treat it as they treat CREMA-D, with its single image.

    `snr_db` adds noise to what the network gets, as in `CremaD`. On this data set IEMF's spiking
    code (`--snr`) adds it to the image in training alone (`noise_in: training`).

    Args:
        split: `random`, class by class, 7 to 3 as in IEMF's text, which puts slices of one
            recording on both sides; `groups`, where slices of one recording stay together.
    """

    fold_group = "recording"
    data_set = "urbansound8k_av"
    class_names = urbansound8k_av.CLASS_NAMES
    protocols: ClassVar = {
        "iemf": replace(IEMF, seconds=None, audio_size=128, image_size=128, resize=256),
        "ogm_ge": IEMF,
        "pmr": replace(PMR, frames=1),
    }
    splits = ("random", "groups")

    def __init__(
        self,
        root: str = "data",
        *,
        split: Literal["random", "groups"] = "random",
        test_fraction: float = 0.3,
        **options: Any,
    ) -> None:
        super().__init__(root, split=split, test_fraction=test_fraction, **options)

    def group(self, clip: str) -> str:
        """Return the recording, the id up to the first dash, where its slices stay together."""
        return clip.split("-")[0] if self.keeps("groups") else clip
