"""Waveforms and their log-mel spectrograms."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from datamodules.store.riff import refuse_short_riff
from snn_mm.errors import UserError
from snn_mm.reading.text import check_regular, naming

Wave = NDArray[np.float32]

MOST_SAMPLES = 64
"""Samples in a byte of a file, of the codecs that a WAV may hold; PCM has at most one."""

FLOOR = 1e-4
"""Added to the mel power before the logarithm: about 60 dB below a wave of mean square 1."""


def read_wav(path: Path, sample_rate: int) -> Wave:
    """Read a mono recording `[samples]`.

    Raises:
        UserError: the file can't be read, is cut off, empty, not mono, not finite, or has
            another rate.
    """
    size = check_regular(path)
    with naming(path, "can't be read as audio"):
        refuse_short_riff(path)  # libsndfile takes what is there for all
        claimed = soundfile.info(path)
        if claimed.frames * claimed.channels > MOST_SAMPLES * size:
            raise UserError(f"{path} claims {claimed.frames:,} samples in {size:,} bytes")
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != sample_rate or wave.shape[1] != 1:
        raise UserError(
            f"{path} has {wave.shape[1]} channels at {rate} Hz; accepted is mono at {sample_rate}."
        )
    if not len(wave) or not np.isfinite(wave).all():
        raise UserError(f"{path} is empty or holds NaN or infinity.")
    return np.ascontiguousarray(wave[:, 0])  # [samples, 1] -> [samples]


def trim(wave: Wave, below_db: float = 40.0) -> Wave:
    """Cut from both ends of `[samples]` what stays `below_db` below the peak.

    Example:
        >>> trim(np.array([0.001, 1.0, 0.5, 0.0]))  # 40 dB below 1 is 0.01
        array([1. , 0.5])
    """
    level = np.abs(wave)
    loud = np.flatnonzero(level >= level.max() * 10 ** (-below_db / 20))
    return wave[loud[0] : loud[-1] + 1]


def normalise(wave: Wave) -> Wave:
    """Scale `[samples]` to a mean square of 1; digital silence stays silent.

    Example:
        >>> normalise(np.array([3.0, -3.0], np.float32)).tolist()
        [1.0, -1.0]
    """
    power = float(np.mean(np.square(wave, dtype=np.float64)))
    return wave / np.float32(np.sqrt(power)) if power > 0 else wave


def centre(wave: Wave, samples: int) -> Wave:
    """Put `[any]` into the middle of `[samples]`: zeros at both ends, or both ends cut.

    Example:
        >>> centre(np.array([1.0, 2.0]), 4)
        array([0., 1., 2., 0.])
    """
    excess = len(wave) - samples
    if excess > 0:
        return wave[excess // 2 : excess // 2 + samples]
    return np.pad(wave, (-excess // 2, -excess - (-excess // 2)))


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram of a window of fixed length, by torchaudio.

    torchaudio would reflect the ends of the wave; here zeros continue it, so that nothing is heard
    twice, and `frames` hops give exactly `frames` columns.

    Attributes:
        sample_rate: in Hz.
        n_fft: samples a Fourier transform sees.
        hop: samples from one frame to the next.
        n_mels: F, the number of mel bands.
        frames: L, the number of frames.
    """

    sample_rate: int = 8000
    n_fft: int = 256
    hop: int = 200
    n_mels: int = 32
    frames: int = 32

    @property
    def samples(self) -> int:
        """Length of the window in samples."""
        return self.hop * self.frames

    @property
    def step_seconds(self) -> float:
        """From one frame to the next."""
        return self.hop / self.sample_rate

    def __call__(self, waves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn waves `[N, samples]` into log-mel spectrograms `[N, 1, F, L]`."""
        # In pieces: the spectra of thousands of waves at once would not fit in memory.
        pieces = [self._piece(piece) for piece in torch.split(torch.from_numpy(waves), 256)]
        return torch.cat(pieces).numpy()

    def _piece(self, waves: Tensor) -> Tensor:
        ends = self.n_fft - self.hop
        padded = pad(waves, (ends // 2, ends - ends // 2))
        power: Tensor = _mel(self.sample_rate, self.n_fft, self.hop, self.n_mels)(padded)
        return (power + FLOOR).log().unsqueeze(1)  # [N, F, L] -> [N, 1, F, L]


@functools.cache
def _mel(sample_rate: int, n_fft: int, hop: int, n_mels: int) -> Callable[[Tensor], Tensor]:
    """Make the transform once: its filter bank takes longer than a wave."""
    from torchaudio.transforms import MelSpectrogram  # here, because data are made only once

    transform: Callable[[Tensor], Tensor] = MelSpectrogram(
        sample_rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels, center=False, power=2.0
    )
    return transform
