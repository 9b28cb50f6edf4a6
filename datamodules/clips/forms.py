"""What corruptions of clips act on: the wave before its spectrogram, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from datamodules.clips.frames import IMAGENET_MEAN, IMAGENET_STD
from datamodules.clips.sound import window, window_input
from datamodules.clips.split import ClipSplit
from datamodules.corruption.forms import Array, Form, NormalisedPicture
from datamodules.corruption.kinds import FormKind
from datamodules.split import Draw


@dataclass(frozen=True, kw_only=True)
class ClipSound(Form):
    """The protocol's stretch of a clip's wave `[samples]`; noise of `snr_db` comes after.

    Attributes:
        split: the clips.
    """

    split: ClipSplit
    kind: FormKind = "sound"

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The resampled wave."""
        split = self.split
        row, store = int(split.rows[draw.row]), split.store
        wave: Array = window(store.wave(row), store.sample_rate(row), split.protocol).numpy()
        return wave

    def finish(self, recording: Array, draw: Draw) -> Array:
        """The spectrogram `[1, F, L]`."""
        spectrum = window_input(torch.from_numpy(recording), self.split.protocol)
        clip = self.split.ids[draw.row]
        noisy: Array = self.split.add_noise("audio", spectrum, draw.epoch, clip).numpy()
        return noisy


def clip_forms(split: ClipSplit) -> dict[str, Form]:
    """Waves, and pictures before they were brought to ImageNet's mean and deviation."""
    return {
        "audio": ClipSound(split=split, sample_rate=split.protocol.sample_rate),
        "visual": NormalisedPicture(mean=IMAGENET_MEAN, deviation=IMAGENET_STD),
    }
