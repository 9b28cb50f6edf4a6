"""From a stored wave to the spectrogram that a protocol feeds."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchaudio.transforms import Resample

from datamodules.clips.protocols import Protocol
from datamodules.signal.audio import Wave
from datamodules.signal.hops import Hops
from datamodules.signal.spectrogram import kaldi_fbank, log_mel, log_power, log_stft
from snn_mm.errors import UserError

MARGIN_S = 0.1
"""What is resampled beyond the end of the window, longer than any resampling filter."""


def audio_input(wave: Wave, sample_rate: int, protocol: Protocol) -> Tensor:
    """Turn a wave `[samples]` into the spectrogram `[1, F, L]` of a protocol."""
    return window_input(window(wave, sample_rate, protocol), protocol)


def window_input(wave: Tensor, protocol: Protocol) -> Tensor:
    """Turn a protocol's stretch of a wave `[samples]` into its spectrogram `[1, F, L]`."""
    return finished(spectrogram(wave, protocol), protocol)


def finished(spectrum: Tensor, protocol: Protocol) -> Tensor:
    """Turn a spectrogram `[F, L]` into the input `[1, F', L']` of a protocol."""
    spectrum = spectrum.unsqueeze(0)
    if protocol.standardise:
        deviation, mean = torch.std_mean(spectrum, correction=0)
        spectrum = (spectrum - mean) / (deviation + 1e-9)
    if protocol.audio_size is not None:
        size = (protocol.audio_size, protocol.audio_size)
        spectrum = interpolate(spectrum[None], size, mode="bilinear", antialias=True)[0]
    return spectrum


def window(wave: Wave, sample_rate: int, protocol: Protocol) -> Tensor:
    """Return the protocol's stretch of `[samples]`, resampled, repeated to length, within ±1."""
    if protocol.seconds is not None:
        # Of 10 s only 3 are needed, and resampling takes most of the time.
        wave = wave[: math.ceil((protocol.seconds + MARGIN_S) * sample_rate)]
    resampled: Tensor = _resampler(sample_rate, protocol.sample_rate)(torch.from_numpy(wave))
    if protocol.seconds is not None:
        samples = round(protocol.seconds * protocol.sample_rate)
        resampled = resampled.repeat(math.ceil(samples / len(resampled)))[:samples]
    return resampled.clamp(-1, 1)


def spectrogram(wave: Tensor, protocol: Protocol) -> Tensor:
    """Return the spectrogram `[F, L]` of `[samples]` that a protocol names."""
    rate, n_fft, hop = protocol.sample_rate, protocol.n_fft, protocol.hop
    match protocol.spectrogram:
        case "log_stft":
            return log_stft(wave, n_fft, hop)
        case "log_mel":
            return log_mel(wave, rate, n_fft, hop, protocol.n_mels)
        case "log_power":
            return log_power(wave, rate, n_fft, hop)
        case "fbank":
            return kaldi_fbank(wave, rate, protocol.n_mels)


def columns_of(protocol: Protocol, seconds: float) -> tuple[Hops, int]:
    """How a protocol's columns are made hop by hop, and how many there are in a time.

    Raises:
        UserError: they are not: Kaldi takes the mean of the whole wave off.
    """
    rate, n_fft, hop = protocol.sample_rate, protocol.n_fft, protocol.hop
    samples = round(seconds * rate)
    match protocol.spectrogram:
        case "log_stft":
            made: Callable[[Tensor], Tensor] = partial(log_stft, n_fft=n_fft, hop=hop, centre=False)
        case "log_mel":
            bands = protocol.n_mels
            made = partial(
                log_mel, sample_rate=rate, n_fft=n_fft, hop=hop, n_mels=bands, centre=False
            )
        case "log_power":
            made = partial(log_power, sample_rate=rate, n_fft=n_fft, hop=hop)
            return Hops(made, n_fft, hop), 1 + max(0, samples - n_fft) // hop
        case "fbank":
            raise UserError("protocol: fbank is not made hop by hop")
    return Hops(made, n_fft, hop, lead=n_fft // 2), 1 + samples // hop


@functools.cache
def _resampler(before: int, after: int) -> Resample:
    """Make the filter once: it takes longer than a wave."""
    return Resample(before, after)
