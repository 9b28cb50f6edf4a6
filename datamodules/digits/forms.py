"""What corruptions of digits act on: waves before their spectrogram, and clean pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.corruption.forms import Array, Form
from datamodules.corruption.kinds import FormKind
from datamodules.digits import fsdd, speech
from datamodules.pairing import Rows, stream
from datamodules.signal.audio import LogMel, centre
from datamodules.signal.noise import noise
from datamodules.split import Draw, FeatureScale


@dataclass(frozen=True, kw_only=True)
class UtteranceSound(Form):
    """Waves `[samples]` of FSDD, read from their files.

    Attributes:
        utterances: of each sample.
        log_mel: makes the spectrogram.
        scale: standardises it.
        snr_db: of the white noise that each wave always has.
        seed: of that noise.
    """

    utterances: Sequence[fsdd.Utterance]
    log_mel: LogMel
    scale: FeatureScale
    snr_db: float | None
    seed: int
    kind: FormKind = "sound"
    sample_rate: int = fsdd.SAMPLE_RATE

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The wave without noise."""
        return fsdd.read_wave(self.utterances[draw.row], self.log_mel.samples)

    def finish(self, recording: Array, draw: Draw) -> Array:
        """The standardised spectrogram `[1, F, L]` of the wave with noise."""
        name = self.utterances[draw.row].path.stem
        noisy = fsdd.add_noise(recording, name, self.snr_db, self.seed)
        return self.scale(self.log_mel(noisy[None])[0])


@dataclass(frozen=True, kw_only=True)
class SpokenWord(Form):
    """Waves `[samples]` of synthesised digits.

    Attributes:
        bank: all utterances.
        rows: of each sample in it, `[n]`.
        log_mel: makes the spectrogram.
        scale: standardises it.
        noises: adds the noise that the sample of a row always has.
    """

    bank: speech.Bank
    rows: Rows
    log_mel: LogMel
    scale: FeatureScale
    noises: SampleNoise
    kind: FormKind = "sound"
    sample_rate: int = speech.SAMPLE_RATE

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The wave without noise."""
        return centre(self.bank.wave(int(self.rows[draw.row])), self.log_mel.samples)

    def finish(self, recording: Array, draw: Draw) -> Array:
        """The standardised spectrogram `[1, F, L]` of the wave with noise."""
        noisy = recording + self.noises(recording.shape, 1.0, draw.row)
        return self.scale(self.log_mel(noisy[None])[0])


@dataclass(frozen=True, kw_only=True)
class WrittenDigit(Form):
    """Pictures `[1, 8, 8]` of handwritten digits in [0, 1].

    Attributes:
        images: all of them, `[I, 8, 8]`.
        rows: of each sample in them, `[n]`.
        scale: standardises them.
        noises: adds the noise that the sample of a row always has.
    """

    images: NDArray[np.float32]
    rows: Rows
    scale: FeatureScale
    noises: SampleNoise
    kind: FormKind = "picture"

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The picture without noise."""
        picture: Array = self.images[self.rows[draw.row]][None]  # [8, 8] -> [1, 8, 8]
        return picture

    def finish(self, recording: Array, draw: Draw) -> Array:
        """The standardised picture with noise, as strong as on the clean picture."""
        clean = self.recording(draw, lambda: recording)
        power = float(np.mean(clean**2))
        return self.scale(recording + self.noises(recording.shape, power, draw.row))


@dataclass(frozen=True)
class SampleNoise:
    """The white noise of each sample of a split of `DigitsAV`.

    Attributes:
        seed: of the data.
        modality: its name.
        part: name of the split.
        snr_db: None adds none.
    """

    seed: int
    modality: str
    part: str
    snr_db: float | None

    def __call__(self, shape: tuple[int, ...], power: float, row: int | str) -> NDArray[np.float32]:
        """Draw the noise of a sample, or of a file by its name, of a signal of this power."""
        rng = stream(self.seed, "noise", self.modality, self.part, row)
        return noise(shape, power, self.snr_db, rng)


def scale_of(stored: Array, clean: Array) -> FeatureScale:
    """The shift and scale by which values `[n, ...]` became those that are stored.

    Example:
        >>> scale_of(np.array([0.0, 1.0]), np.array([10.0, 12.0]))
        FeatureScale(mean=10.0, deviation=2.0)
    """
    stored, clean = stored.astype(np.float64), clean.astype(np.float64)
    deviation = float(clean.std() / stored.std())
    return FeatureScale(float(clean.mean() - deviation * stored.mean()), deviation)
