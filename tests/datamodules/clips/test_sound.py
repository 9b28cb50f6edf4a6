"""The stretch of sound that a protocol takes, and what becomes of its spectrogram."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torchaudio.functional import resample

from datamodules.clips.protocols import IEMF, PMR, Spectrogram
from datamodules.clips.sound import audio_input, window

WHOLE = replace(IEMF, seconds=None)


def noise(samples: int, scale: float = 0.2) -> np.ndarray:
    return np.random.default_rng(0).normal(0, scale, samples).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_cutting_before_resampling_changes_no_sample(rate: int) -> None:
    wave = noise(5 * rate)
    everything = resample(torch.from_numpy(wave), rate, 22050)
    torch.testing.assert_close(window(wave, rate, IEMF), everything[:66150].clamp(-1, 1))


def test_a_short_sound_is_repeated_to_length() -> None:
    wave = noise(30000)
    expected = np.tile(wave, 3)[:66150].clip(-1, 1)
    assert np.array_equal(window(wave, 22050, IEMF), expected)


def test_a_very_short_sound_fills_the_window_too() -> None:
    assert window(noise(1000), 22050, IEMF).shape == (66150,)


def test_the_whole_sound_is_taken_without_a_length() -> None:
    assert window(noise(88200), 22050, WHOLE).shape == (88200,)


def test_the_wave_stays_within_one() -> None:
    clipped = window(noise(66150, scale=2.0), 22050, IEMF)
    assert clipped.min() == -1
    assert clipped.max() == 1


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("seconds", [None, 0.01])
@pytest.mark.parametrize("name", get_args(Spectrogram))
def test_a_clip_of_a_few_milliseconds_has_a_spectrogram(
    name: Spectrogram, seconds: float | None, rate: int
) -> None:
    protocol = replace(IEMF, spectrogram=name, seconds=seconds)
    for milliseconds in (1, 24, 50):
        spectrum = audio_input(noise(milliseconds * rate // 1000), rate, protocol)
        assert spectrum.isfinite().all()
        assert spectrum.shape[-1] >= 1


def test_standardising_gives_mean_0_and_deviation_1() -> None:
    spectrum = audio_input(noise(48000), 16000, PMR)
    assert spectrum.mean() == pytest.approx(0, abs=1e-4)
    assert spectrum.std(correction=0) == pytest.approx(1, abs=1e-4)


def test_a_resized_spectrogram_equals_pillows_as_iemf_has_it() -> None:
    wave = noise(88200)
    image = Image.fromarray(audio_input(wave, 22050, WHOLE)[0].numpy())
    expected = np.asarray(image.resize((128, 128), Image.Resampling.BILINEAR))
    actual = audio_input(wave, 22050, replace(WHOLE, audio_size=128))
    assert actual.shape == (1, 128, 128)
    np.testing.assert_allclose(actual[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "shape"), [("log_mel", (1, 64, 188)), ("log_power", (1, 257, 186))]
)
def test_the_spectrogram_is_the_named_one(name: str, shape: tuple[int, ...]) -> None:
    protocol = replace(IEMF, spectrogram=name)
    assert audio_input(noise(66150), 22050, protocol).shape == shape
