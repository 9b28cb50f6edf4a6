"""Each spectrogram is the one of its formula, computed independently in float64."""

from __future__ import annotations

import math

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from numpy.typing import NDArray
from torchaudio.compliance.kaldi import fbank
from torchaudio.transforms import Spectrogram

from datamodules.signal.spectrogram import EPSILON, kaldi_fbank, log_mel, log_power, log_stft


def noise(samples: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.2, samples)


def stft(wave: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the STFT `[257, L]` by its definition: Hann window, zeros beyond both ends."""
    padded = np.pad(wave, 256)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    columns = 1 + len(wave) // 353
    frames = np.stack([padded[353 * k : 353 * k + 512] * hann for k in range(columns)])
    return np.fft.rfft(frames).T


def single(wave: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(wave.astype(np.float32))


@pytest.mark.parametrize(("samples", "columns"), [(66150, 188), (88200, 250), (600, 2)])
def test_log_stft_equals_its_definition(samples: int, columns: int) -> None:
    wave = noise(samples)
    actual = log_stft(single(wave))
    assert actual.shape == (257, columns)
    np.testing.assert_allclose(actual, np.log(np.abs(stft(wave)) + EPSILON), atol=5e-3)
    np.testing.assert_allclose(actual.exp(), np.abs(stft(wave)), rtol=1e-4, atol=2e-5)


def test_log_stft_equals_librosa_as_ogm_ge_uses_it() -> None:
    wave = noise(66150)
    expected = np.abs(librosa.stft(wave, n_fft=512, hop_length=353))
    np.testing.assert_allclose(log_stft(single(wave)).exp(), expected, rtol=1e-4, atol=2e-5)


def test_log_stft_equals_torchaudio_as_iemf_uses_it() -> None:
    wave = single(noise(66150))
    theirs = Spectrogram(n_fft=512, hop_length=353, power=None, pad_mode="constant")(wave)
    torch.testing.assert_close(log_stft(wave), (theirs.abs() + 1e-7).log())


def test_digital_silence_is_finite() -> None:
    silence = torch.zeros(66150)
    for transform in (log_stft, log_mel, log_power):
        assert torch.allclose(transform(silence), torch.tensor(EPSILON).log())


def test_log_mel_equals_its_definition() -> None:
    wave = noise(66150)
    top = 2595 * np.log10(1 + 11025 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, 66) / 2595) - 1)
    bins = np.linspace(0, 11025, 257)
    bank = np.stack([np.interp(bins, corners[i : i + 3], [0, 1, 0]) for i in range(64)])
    expected = np.log(bank @ np.abs(stft(wave)) ** 2 + EPSILON)
    actual = log_mel(single(wave))
    assert actual.shape == (64, 188)
    np.testing.assert_allclose(actual, expected, atol=5e-3)


def test_no_mel_band_is_empty() -> None:
    assert (log_mel(single(noise(66150))) > np.log(EPSILON) + 1).all()


@pytest.mark.parametrize("rate", [16000, 22050])
def test_log_power_equals_scipy_as_pmr_uses_it(rate: int) -> None:
    wave = noise(48000) + 0.1  # an offset, which scipy takes off each frame
    _, _, power = scipy.signal.spectrogram(wave, rate, nperseg=512, noverlap=353)
    actual = log_power(single(wave), rate)
    assert actual.shape == power.shape == (257, 299)
    # In float32 the bins at 0 Hz are what rounding leaves of the offset.
    np.testing.assert_allclose(actual.exp(), power + EPSILON, rtol=1e-3, atol=1e-9)


def test_fbank_of_ten_seconds_is_padded_to_1024_frames() -> None:
    bands = kaldi_fbank(single(noise(160000)))
    assert bands.shape == (128, 1024)
    assert torch.allclose(bands[:, 998:], torch.tensor(4.503877 / (2 * 5.141276)))
    assert bands[:, 997].std() > 0.01


def test_fbank_peaks_at_the_band_of_a_tone() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(32000) / 16000)
    mel = [1127 * np.log(1 + f / 700) for f in (20, 1000, 8000)]
    band = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 129 - 1
    assert abs(int(kaldi_fbank(tone)[:, 50].argmax()) - band) < 1


@pytest.mark.parametrize("rate", [16000, 22050])
@pytest.mark.parametrize("milliseconds", [0.2, 10, 24])
def test_a_wave_shorter_than_one_window_is_continued_with_zeros(
    milliseconds: float, rate: int
) -> None:
    wave = single(noise(round(milliseconds * rate / 1000)))
    bands = kaldi_fbank(wave, rate)
    padded = torch.zeros(1, math.ceil(0.025 * rate))
    padded[0, : len(wave)] = wave - wave.mean()
    theirs = fbank(
        padded,
        sample_frequency=rate,
        num_mel_bins=128,
        window_type="hanning",
        htk_compat=True,
        use_energy=False,
    )
    torch.testing.assert_close(bands[:, :1], (theirs.T + 4.503877) / (2 * 5.141276))
    assert torch.allclose(bands[:, 1:], torch.tensor(4.503877 / (2 * 5.141276)))
    whole = np.pad(wave.numpy(), (0, max(0, 512 - len(wave))))
    _, _, power = scipy.signal.spectrogram(whole, rate, nperseg=512, noverlap=353)
    # In float32 the bins at 0 Hz are what rounding leaves of the offset.
    np.testing.assert_allclose(log_power(wave, rate).exp(), power + EPSILON, rtol=1e-3, atol=1e-9)
