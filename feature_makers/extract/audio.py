"""The 33 audio features of SGMT and CH-SIMS, from a wave."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import to_wave
from feature_makers.extract.options import PitchTracker, Variant

Features = NDArray[np.float32]

SAMPLE_RATE = 22050
"""In Hz; every recording is resampled to it."""

HOP = 512
"""Samples from one step to the next: 43 steps a second."""

PITCH_MIN, PITCH_MAX = 65.41, 523.25
"""C2 to C5 in Hz, the range of speaking voices; pYIN's time grows with its square."""

UNVOICED = 0.0
"""In place of log F0 where nobody voices; the lowest true value is log 65.41 = 4.18."""

DIMENSIONS = 33
_FRAME, _MFCC = 2048, 20


def librosa_features(
    wave: NDArray[np.float32],
    sample_rate: int = SAMPLE_RATE,
    variant: Variant = "paper",
    hop: int = HOP,
    pitch: PitchTracker = "pyin",
) -> Features:
    """Return pitch, 20 MFCC and 12 constant-Q chroma of every step (SGMT section 4.2).

    `paper` is log F0 in log Hz and MFCC on Slaney's mel scale. `released` is what
    `data/DataPre.py` of thuiar/Self-MM, which made CH-SIMS, does: zero crossing rate instead of
    F0, and MFCC on HTK's mel scale. Chroma are the same in both: each step's largest is 1.

    Args:
        wave: `[samples]`, between -1 and 1.
        sample_rate: in Hz, at least 8,400 because chroma reach up to 4,186 Hz.
        variant: which 33 features.
        hop: samples from one step to the next, a multiple of 64.
        pitch: tracker of F0, see `log_f0`.

    Returns:
        `[L, 33]` with L = 1 + samples // hop.
    """
    sound: dict[str, Any] = {"y": wave, "hop_length": hop}
    with warnings.catch_warnings():
        # Librosa pads what is shorter than a window and finds silence in no tune; both are meant.
        warnings.filterwarnings("ignore", message="n_fft=|Trying to estimate tuning")
        if variant == "paper":
            first = log_f0(wave, sample_rate, hop, pitch)[None]  # [L] -> [1, L]
        else:
            first = librosa.feature.zero_crossing_rate(frame_length=_FRAME, **sound)
        htk = variant == "released"
        mfcc = librosa.feature.mfcc(sr=sample_rate, n_mfcc=_MFCC, htk=htk, **sound)
        chroma = librosa.feature.chroma_cqt(sr=sample_rate, **sound)
    return np.concatenate([first, mfcc, chroma]).T.astype(np.float32)  # [33, L] -> [L, 33]


def log_f0(
    wave: NDArray[np.float32],
    sample_rate: int = SAMPLE_RATE,
    hop: int = HOP,
    pitch: PitchTracker = "pyin",
) -> NDArray[np.float64]:
    """Return the natural logarithm of the fundamental frequency in Hz, `[L]`.

    Args:
        wave: as the others of `librosa_features`, `[samples]`.
        sample_rate: in Hz.
        hop: samples from one step to the next.
        pitch: `pyin` (Mauch and Dixon, 2014) says `UNVOICED` where no voice is heard; `yin`
            (de Cheveigné and Kawahara, 2002) names some frequency even in silence.
    """
    options = {
        "fmin": PITCH_MIN,
        "fmax": PITCH_MAX,
        "sr": sample_rate,
        "frame_length": _FRAME,
        "hop_length": hop,
    }
    if pitch == "yin":
        tracked: NDArray[np.float64] = np.log(librosa.yin(wave, **options))
        return tracked
    f0, voiced, _ = librosa.pyin(wave, **options)
    return np.where(voiced, np.log(np.where(voiced, f0, 1.0)), UNVOICED)


def read_wave(path: Path) -> NDArray[np.float32]:
    """Return the sound of a film or recording at 22,050 Hz, its channels averaged, `[samples]`.

    Raises:
        UnreadableClipError: there is no sound, or the file is damaged or cut off.
    """
    read_extent(path)
    rate, samples = read_sound(path, 0.0, None)
    wave = to_wave(samples)
    resampled: NDArray[np.float32] = librosa.resample(wave, orig_sr=rate, target_sr=SAMPLE_RATE)
    return resampled
