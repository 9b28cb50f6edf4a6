"""Spoken words, pictures of digits and event files that belong to no data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.digits import nmnist
from datamodules.digits.forms import SampleNoise
from datamodules.digits.nmnist import EventOptions
from datamodules.pairing import stream
from datamodules.raw.arrays import numbers_of
from datamodules.raw.reads import Place, note
from datamodules.raw.recordings import HEARD as HEARD
from datamodules.raw.recordings import sound_at
from datamodules.signal.audio import LogMel, Wave, centre, normalise, trim
from datamodules.split import FeatureScale
from snn_mm.reading.text import check_regular, naming

SIDE = 8
"""Pixels of a handwritten digit, each way."""

EVENTS = frozenset({".bin", ".bs2"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".npy"})


@dataclass(frozen=True)
class WordReader:
    """A spoken word without the silence around it, its spectrogram `[1, F, L]`.

    Attributes:
        log_mel: makes the spectrogram.
        scale: standardises it.
        noisy: adds to a wave `[samples]` the noise that the data have, by the name of the file.
    """

    log_mel: LogMel
    scale: FeatureScale
    noisy: Callable[[Wave, str], Wave]

    def __call__(self, place: Place, sample: str) -> NDArray[np.float32]:
        """Read `[1, F, L]`."""
        word = trim(sound_at(place.path, self.log_mel.sample_rate))
        if len(word) > self.log_mel.samples:
            seconds = self.log_mel.samples / self.log_mel.sample_rate
            note(f"is longer than {seconds:.2g} s of sound; both ends are cut", place.path.name)
        wave = centre(normalise(word), self.log_mel.samples)
        return self.scale(self.log_mel(self.noisy(wave, place.path.stem)[None])[0])


@dataclass(frozen=True)
class DigitReader:
    """A handwritten digit `[1, 8, 8]`, bright on dark.

    Attributes:
        scale: standardises it.
        noise: that the data have.
    """

    scale: FeatureScale
    noise: SampleNoise

    def __call__(self, place: Place, sample: str) -> NDArray[np.float32]:
        """Read `[1, 8, 8]`."""
        image = self._pixels(place)
        power = float(np.mean(image**2))
        noisy: NDArray[np.float32] = image + self.noise(image.shape, power, place.path.stem)
        return self.scale(noisy)[None]

    def _pixels(self, place: Place) -> NDArray[np.float32]:
        """Values `[8, 8]` in [0, 1]."""
        if place.path.suffix.lower() == ".npy":
            return numbers_of(place, (SIDE, SIDE)).astype(np.float32)
        check_regular(place.path)
        with naming(place.path, "is no readable picture"), Image.open(place.path) as image:
            grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
            return np.asarray(grey, np.float32) / np.float32(255)


@dataclass(frozen=True)
class EventFrames:
    """Frames `[T, 2, 34, 34]` of an N-MNIST event file.

    Attributes:
        options: how events become frames.
        snr_db: of the background activity that the data have; None is none.
        seed: of it.
    """

    options: EventOptions
    snr_db: float | None
    seed: int

    def __call__(self, place: Place, sample: str) -> NDArray[np.float32]:
        """Read `[T, 2, 34, 34]`."""
        rng = stream(self.seed, "noise", "events", place.path.stem)
        check_regular(place.path)
        events = nmnist.add_background(nmnist.read_events(place.path), self.snr_db, rng)
        return self.options.transform(nmnist.bin_events(events, self.options))
