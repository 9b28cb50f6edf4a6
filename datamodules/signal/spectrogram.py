"""From a wave to a spectrogram `[F, L]`, in the ways the papers compute it."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torchaudio.compliance.kaldi import fbank
from torchaudio.functional import melscale_fbanks

EPSILON = 1e-7
"""Added before the logarithm, as IEMF, OGM-GE and PMR do."""

FBANK_FRAMES = 1024
"""L of Kaldi's filter bank, ten seconds and a little."""


def log_stft(wave: Tensor, n_fft: int = 512, hop: int = 353, centre: bool = True) -> Tensor:
    """Logarithm of the magnitude spectrum: what the published code of IEMF and OGM-GE feeds.

    log(|STFT| + 1e-7) with a Hann window, frames centred on multiples of `hop` and zeros beyond
    both ends (librosa's default; torchaudio's would reflect): L = 1 + samples // hop.

    Args:
        wave: `[samples]`.
        n_fft: samples a Fourier transform sees; F = n_fft // 2 + 1.
        hop: samples from one frame to the next.
        centre: False adds no zeros: L = 1 + (samples - n_fft) // hop.

    Example:
        >>> log_stft(torch.zeros(706)).shape  # 512 // 2 + 1, 1 + 706 // 353
        torch.Size([257, 3])
    """
    return (_magnitude(wave, n_fft, hop, centre) + EPSILON).log()


def log_mel(
    wave: Tensor,
    sample_rate: int = 22050,
    n_fft: int = 512,
    hop: int = 353,
    n_mels: int = 64,
    centre: bool = True,
) -> Tensor:
    """Logarithm of mel bands over the frames of `log_stft`: what the text of IEMF's paper says.

    log(M |STFT|² + 1e-7) with triangles equally spaced in mel = 2595 log10(1 + f / 700) from 0 Hz
    to half the sampling rate. The paper gives no number of bands; beyond 64 the lowest ones would
    fall between the bins of 512 samples at 22,050 Hz.

    Args:
        wave: `[samples]`.
        sample_rate: in Hz.
        n_fft: as for `log_stft`.
        hop: as for `log_stft`.
        n_mels: F, the number of mel bands.
        centre: as for `log_stft`.

    Example:
        >>> log_mel(torch.zeros(706)).shape
        torch.Size([64, 3])
    """
    power = _magnitude(wave, n_fft, hop, centre).square()
    return (_mel_bank(sample_rate, n_fft, n_mels).to(wave) @ power + EPSILON).log()


def log_power(wave: Tensor, sample_rate: int = 16000, n_fft: int = 512, hop: int = 159) -> Tensor:
    """Logarithm of the power spectral density: what PMR feeds.

    log(S + 1e-7) where S is what `scipy.signal.spectrogram` returns by default, in 1/Hz: Tukey
    window (a quarter tapered), the mean of each frame taken off, one-sided, no padding:
    L = 1 + (samples - n_fft) // hop. A wave shorter than one window is continued with zeros.

    Args:
        wave: `[samples]`.
        sample_rate: in Hz.
        n_fft: as for `log_stft`.
        hop: as for `log_stft`; scipy's `nperseg - noverlap`.

    Example:
        >>> log_power(torch.zeros(671)).shape  # 1 + (671 - 512) // 159
        torch.Size([257, 2])
    """
    window = _tukey(n_fft)
    frames = _at_least(wave, n_fft).unfold(0, n_fft, hop)  # [samples] -> [L, n_fft]
    frames = frames - frames.mean(dim=1, keepdim=True)
    power = torch.fft.rfft(frames * window).abs().square()
    power /= sample_rate * window.square().sum()
    power[:, 1:-1] *= 2  # the negative frequencies; 0 Hz and Nyquist have none
    logarithm: Tensor = (power + EPSILON).log()
    return logarithm.T  # [L, F] -> [F, L]


def kaldi_fbank(wave: Tensor, sample_rate: int = 16000, n_mels: int = 128) -> Tensor:
    """Kaldi's log-mel filter bank, standardised: what BalanceBenchmark feeds for Kinetics-Sounds.

    (x + 4.503877) / (2 · 5.141276), frames of 25 ms every 10 ms; of L = 1024 frames longer waves
    are cut, and frames of zeros follow shorter ones. A wave shorter than one window is continued
    with zeros.

    Args:
        wave: `[samples]`.
        sample_rate: in Hz.
        n_mels: F, the number of mel bands.

    Example:
        >>> kaldi_fbank(torch.zeros(16000)).shape
        torch.Size([128, 1024])
    """
    window = math.ceil(0.025 * sample_rate)
    bands: Tensor = fbank(
        _at_least(wave - wave.mean(), window).unsqueeze(0),
        sample_frequency=sample_rate,
        num_mel_bins=n_mels,
        window_type="hanning",
        htk_compat=True,
        use_energy=False,
        dither=0.0,
    )[:FBANK_FRAMES]
    padded = torch.nn.functional.pad(bands, (0, 0, 0, FBANK_FRAMES - len(bands)))
    return ((padded + 4.503877) / (2 * 5.141276)).T  # [L, F] -> [F, L]


def _at_least(wave: Tensor, samples: int) -> Tensor:
    """Continue a wave that is shorter with zeros to `[samples]`."""
    return torch.nn.functional.pad(wave, (0, max(0, samples - len(wave))))


def _magnitude(wave: Tensor, n_fft: int, hop: int, centre: bool) -> Tensor:
    """Return |STFT| `[F, L]` of `[samples]`."""
    window = _hann(n_fft).to(wave)
    return torch.stft(
        wave, n_fft, hop, window=window, center=centre, pad_mode="constant", return_complex=True
    ).abs()


@functools.cache
def _hann(samples: int) -> Tensor:
    return torch.hann_window(samples)


@functools.cache
def _tukey(samples: int) -> Tensor:
    """Return scipy's default window `[samples]`: cosine tapers over an eighth at each end."""
    index = torch.arange(samples, dtype=torch.float64)
    from_edge = torch.minimum(index, samples - index) / (samples / 8)
    return (0.5 - 0.5 * (math.pi * from_edge.clamp(max=1)).cos()).float()


@functools.cache
def _mel_bank(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Return triangles over the bins, `[n_mels, n_fft // 2 + 1]`."""
    bank: Tensor = melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate / 2, n_mels, sample_rate)
    return bank.T.contiguous()  # [bins, F] -> [F, bins]
