"""CREMA-D: six emotions, spoken and seen (Cao et al., 2014)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from datamodules.clips.module import ClipDataModule
from datamodules.clips.protocols import IEMF, PMR
from datamodules.store.datasets import crema_d


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
        split: `random`, class by class, 9 to 1 as in IEMF's text; `listed`, the 744 test clips of
            OGM-GE's lists (both leave actors of the test set in the training set); `actors`, where
            no actor is in two parts.
    """

    fold_group = "actor"
    data_set = "crema_d"
    class_names = crema_d.CLASS_NAMES
    protocols: ClassVar = {
        "iemf": IEMF,
        "ogm_ge": replace(IEMF, frame_draw="once"),
        "pmr": PMR,
    }
    splits = ("random", "listed", "actors")

    def __init__(
        self,
        root: str = "data",
        *,
        split: Literal["random", "listed", "actors"] = "random",
        **options: Any,
    ) -> None:
        super().__init__(root, split=split, **options)

    def group(self, clip: str) -> str:
        """Return the actor, the first word of the id, where actors stay together."""
        return clip.split("_")[0] if self.keeps("actors") else clip
