"""What AudioMAE hears, against Kaldi's definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from feature_makers.pretrained.audio_mae import FRONT_ENDS, log_mel, nearest_sample

Array = NDArray[np.float64]


def triangles(rate: int, bands: int = 128) -> Array:
    """Weights [bands, 257] of mel bands from 20 Hz to half the rate, triangles on the mel axis."""

    def mel(hertz: Array | float) -> Array:
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(20.0), mel(rate / 2), bands + 2)[:, None]
    bins = mel(np.arange(257) * rate / 512)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights: Array = np.maximum(0, np.minimum(rising, falling))
    weights[:, 256] = 0  # Kaldi leaves out half the rate
    return weights


def energies(wave: Array, rate: int) -> Array:
    """Log mel energies [frames, 128] of windows of 25 ms, 10 ms apart, both rounded down."""
    size, shift = rate * 25 // 1000, rate // 100
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::shift]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    power = np.abs(np.fft.rfft(frames * hann, 512)) ** 2
    return np.log(np.maximum(power @ triangles(rate).T, np.finfo(np.float32).eps))


def noise(seconds: float, rate: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def test_at_its_own_rate_audiomae_hears_standardised_log_mel_energies() -> None:
    wave = noise(0.5, 16_000)
    heard = log_mel(wave, 16_000, FRONT_ENDS["audiomae"]).numpy()
    expected = (energies(wave.astype(float), 16_000) + 4.2677393) / (2 * 4.5689974)
    assert heard.shape == (1024, 128)
    np.testing.assert_allclose(heard[: len(expected)], expected, atol=1e-3)
    np.testing.assert_allclose(heard[len(expected) :], 4.2677393 / (2 * 4.5689974), rtol=1e-5)


def test_av_cil_hears_11430_hz_as_they_are_and_zeros_after_them() -> None:
    wave = noise(0.5, 44_100)
    heard = log_mel(wave, 44_100, FRONT_ENDS["av_cil"]).numpy()
    expected = energies(nearest_sample(wave, 44_100, 11_430).astype(float), 11_430)
    np.testing.assert_allclose(heard[: len(expected)], expected, atol=1e-2)
    assert not heard[len(expected) :].any()


def test_a_long_sound_is_cut_to_its_first_1024_frames() -> None:
    wave = noise(10.5, 16_000)
    heard = log_mel(wave, 16_000, FRONT_ENDS["audiomae"])
    shorter = log_mel(wave[: 1023 * 160 + 400], 16_000, FRONT_ENDS["audiomae"])
    assert heard.shape == (1024, 128)
    np.testing.assert_allclose(heard[:1000], shorter[:1000], atol=1e-2)  # the means differ


def test_nearest_samples_are_those_of_each_time() -> None:
    ramp = np.arange(44_100, dtype=np.float32)
    taken = nearest_sample(ramp, 44_100, 11_430)
    assert len(taken) == 11_430
    assert np.abs(taken - np.arange(11_430) * 44_100 / 11_430).max() <= 0.5


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_a_tone_is_heard_in_its_mel_band_whatever_the_rate(name: str, rate: int) -> None:
    time = np.arange(rate) / rate
    wave = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    front_end = FRONT_ENDS[name]
    heard = log_mel(wave, rate, front_end)[:90].mean(dim=0).numpy()
    tone = triangles(front_end.rate)[:, round(1000 * 512 / front_end.rate)]
    assert abs(int(heard.argmax()) - int(tone.argmax())) <= 1
