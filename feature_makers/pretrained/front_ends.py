"""What AudioMAE hears of a sound: log mel energies of about its first ten seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from torchaudio.compliance import kaldi

Wave = NDArray[np.float32]

FRAMES, MELS = 1024, 128
WINDOW = 0.025
"""Seconds of sound in a frame; frames begin every 10 ms."""
SECONDS = 11.0
"""More than enough sound for all frames."""


class FrontEnd(NamedTuple):
    """How a wave becomes the input of the network.

    Attributes:
        rate: sampling rate in Hz.
        resample: from a wave `[samples]` of one rate to another.
        mean: subtracted from the log mel energies.
        scale: divides them.
    """

    rate: int
    resample: Callable[[Wave, int, int], Wave]
    mean: float
    scale: float


def band_limited(wave: Wave, rate: int, target: int) -> Wave:
    """Resample a wave `[samples]`, whatever the two rates."""
    resampled: Wave = librosa.resample(wave, orig_sr=rate, target_sr=target)
    return resampled


def nearest_sample(wave: Wave, rate: int, target: int) -> Wave:
    """Take from 44.1 kHz the sample nearest to each time, with the aliases that this makes.

    That is how MoviePy 1.0.3 lowers a rate, with which AV-CIL made its recordings.
    """
    source = band_limited(wave, rate, 44_100)
    count = len(source) * target // 44_100
    rows = np.rint(np.arange(count) * (44_100 / target)).astype(int)
    nearest: Wave = source[np.minimum(rows, len(source) - 1)]
    return nearest


FRONT_ENDS = {
    "audiomae": FrontEnd(16_000, band_limited, mean=-4.2677393, scale=2 * 4.5689974),
    "av_cil": FrontEnd(11_430, nearest_sample, mean=0.0, scale=1.0),
}
"""By name: what AudioMAE was trained on (`main_pretrain.py` and `dataset.py` of
facebookresearch/AudioMAE), and what AV-CIL's scripts feed it (`utils/extract_audios.py` and
`utils/gen_audio_features.py` of weiguoPian/AV-CIL_ICCV2023)."""


def log_mel(wave: Wave, rate: int, front_end: FrontEnd) -> Tensor:
    """Return the input of the network, `[1024, 128]`: time and mel bands.

    A shorter sound goes on with zeros, which stand for log energies and not for silence; both
    sources do it, before they standardise.

    Args:
        wave: `[samples]` between -1 and 1, at least `WINDOW` seconds of them.
        rate: its sampling rate in Hz.
        front_end: how it is heard.
    """
    heard = torch.from_numpy(front_end.resample(wave, rate, front_end.rate))
    energies = kaldi.fbank(
        (heard - heard.mean())[None],  # [samples] -> [1, samples]
        htk_compat=True,
        sample_frequency=front_end.rate,
        window_type="hanning",
        num_mel_bins=MELS,
        frame_length=1000 * WINDOW,
        frame_shift=10.0,
    )
    frames = pad(energies[:FRAMES], (0, 0, 0, max(0, FRAMES - len(energies))))
    return (frames - front_end.mean) / front_end.scale
