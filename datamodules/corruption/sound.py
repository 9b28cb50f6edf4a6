"""Corruptions of waves `[samples]`; by the same random stream a worse one is more of the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.functional import add_noise, fftconvolve

Wave = NDArray[np.float32]
Others = Callable[[np.random.Generator], Iterator[Wave]]
"""Yields other recordings of the same part of the data in random order."""

TALKERS = 5
"""Recordings in a babble: Kaldi's recipe for MUSAN (Snyder et al., 2015) mixes three to seven."""

PACKET_S = 0.02
"""Length of a packet in seconds."""

EVEN_RT60 = 0.5
"""RT60 in seconds at which the room is as loud as the direct sound."""


def at_snr(wave: Wave, noise: Wave, snr_db: float) -> Wave:
    """Add a noise `[samples]` to a wave `[samples]` so that their powers have a ratio in dB.

    Silence stays silent, and silent noise adds none.

    Example:
        >>> wave, noise = np.float32([2, -2]), np.float32([0.1, 0.1])
        >>> [round(float(value), 3) for value in at_snr(wave, noise, 6.0206)]  # powers 4 and 1
        [3.0, -1.0]
    """
    if not noise.any() or not wave.any():
        return wave
    clean, added = torch.from_numpy(wave), torch.from_numpy(noise)
    noisy: Wave = add_noise(clean, added, torch.tensor(snr_db)).numpy()
    return noisy


def white_noise(wave: Wave, snr_db: float, rng: np.random.Generator) -> Wave:
    """Add Gaussian noise whose power is the same at all frequencies.

    Example:
        >>> wave = np.ones(8, np.float32)
        >>> noise = white_noise(wave, -10.0, np.random.default_rng(0)) - wave
        >>> round(float(np.mean(noise**2)), 3)  # 10 times the power of the wave
        10.0
    """
    return at_snr(wave, rng.standard_normal(len(wave), np.float32), snr_db)


def pink_noise(wave: Wave, snr_db: float, rng: np.random.Generator) -> Wave:
    """Add Gaussian noise whose power falls as 1/f, so that every octave has the same.

    Example:
        >>> wave = np.ones(8, np.float32)
        >>> noise = pink_noise(wave, 0.0, np.random.default_rng(0)) - wave
        >>> round(float(np.mean(noise**2)), 3)
        1.0
    """
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    spectrum[0] = 0  # 1/f has no value there
    return at_snr(wave, np.fft.irfft(spectrum, len(wave)).astype(np.float32), snr_db)


def babble(wave: Wave, snr_db: float, rng: np.random.Generator, others: Others) -> Wave:
    """Add up to five other recordings of the same part of the data, all equally loud.

    The wave itself, which may be in several samples, is left out.

    Example:
        >>> wave, talker = np.float32([1, 1]), np.float32([5, -5])
        >>> noisy = babble(wave, 0.0, np.random.default_rng(0), lambda rng: iter([talker, wave]))
        >>> [round(float(value), 3) + 0.0 for value in noisy]
        [2.0, 0.0]
    """
    noise, heard = np.zeros_like(wave), 0
    for other in others(rng):
        if heard == TALKERS:
            break
        if other.any() and not np.array_equal(other, wave):
            power = np.mean(np.square(other, dtype=np.float64))
            noise += np.resize(other, len(wave)) / np.float32(np.sqrt(power))
            heard += 1
    return at_snr(wave, noise, snr_db)


def reverberation(wave: Wave, rt60: float, rng: np.random.Generator, sample_rate: int) -> Wave:
    """Let a wave sound in a room, as loud as before.

    The room answers with the direct sound and noise that decays by 60 dB in RT60 (Polack, 1988).
    In a diffuse field its energy grows as RT60 does; here it is that of the direct sound at 0.5 s.

    Example:
        >>> wave = np.eye(1, 800, dtype=np.float32)[0]  # a click
        >>> heard = reverberation(wave, 0.5, np.random.default_rng(0), 800)
        >>> round(float(heard[0] ** 2), 2), round(float(np.sum(heard**2)), 2)
        (0.5, 1.0)
    """
    if not wave.any():
        return wave
    time = np.arange(1, round(rt60 * sample_rate) + 1) / sample_rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60)
    tail *= np.sqrt(rt60 / EVEN_RT60 / np.sum(tail**2))
    room = torch.from_numpy(np.concatenate([[1.0], tail]))
    heard = fftconvolve(torch.from_numpy(wave).double(), room)[: len(wave)].numpy()
    power = np.sum(np.square(wave, dtype=np.float64))
    loud: Wave = (heard * np.sqrt(power / np.sum(heard**2))).astype(np.float32)
    return loud


def clipping(wave: Wave, part: float, rng: np.random.Generator) -> Wave:
    """Hold the loudest part of the samples at the level that the others do not exceed.

    Example:
        >>> clipping(np.float32([1, -2, 3, -9]), 0.5, np.random.default_rng(0))
        array([ 1., -2.,  2., -2.], dtype=float32)
    """
    level = np.sort(np.abs(wave))[max(len(wave) - round(part * len(wave)), 1) - 1]
    return wave.clip(-level, level)


def packet_loss(wave: Wave, part: float, rng: np.random.Generator, sample_rate: int) -> Wave:
    """Silence a part of the packets of 20 ms.

    Example:
        >>> packet_loss(np.ones(4, np.float32), 0.5, np.random.default_rng(0), 50).sum()
        np.float32(2.0)
    """
    size = max(round(PACKET_S * sample_rate), 1)
    packets = -(-len(wave) // size)
    lost = rng.permutation(packets) < round(part * packets)
    return np.where(lost.repeat(size)[: len(wave)], np.float32(0), wave)


def time_shift(wave: Wave, seconds: float, rng: np.random.Generator, sample_rate: int) -> Wave:
    """Have the sound earlier or later than the picture, with silence where it is over.

    Example:
        >>> time_shift(np.float32([1, 2, 3]), 1.0, np.random.default_rng(0), 1)  # earlier
        array([2., 3., 0.], dtype=float32)
    """
    steps, later = min(round(seconds * sample_rate), len(wave)), rng.random() < 0.5
    kept, silence = len(wave) - steps, np.zeros(steps, np.float32)
    parts = (silence, wave[:kept]) if later else (wave[steps:], silence)
    return np.concatenate(parts)
