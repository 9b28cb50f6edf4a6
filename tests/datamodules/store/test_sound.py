"""Sound: one channel at its own rate, cut at the right samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from datamodules.store.clip import UnreadableClipError
from datamodules.store.sound import read_sound

WriteClip = Callable[..., Path]


def pitch(wave: NDArray[np.int16], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(wave.astype(float) * np.hanning(len(wave))))
    return float(np.argmax(spectrum) * rate / len(wave))


def test_16_bit_samples_are_kept_as_they_are(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 12345).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    rate, sound = read_sound(tmp_path / "a.wav", 0.0, None)
    assert rate == 16000
    np.testing.assert_array_equal(sound, samples)


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-16000, 16000, (5000, 2)).astype(np.int16) * 2
    soundfile.write(tmp_path / "a.wav", samples, 44100)
    _, sound = read_sound(tmp_path / "a.wav", 0.0, None)
    np.testing.assert_array_equal(sound, samples.astype(int).sum(1) // 2)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "ULAW"])
def test_other_sample_formats(subtype: str, tmp_path: Path) -> None:
    wave = 0.5 * np.sin(np.arange(8000) / 10)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype=subtype)
    _, sound = read_sound(tmp_path / "a.wav", 0.0, None)
    np.testing.assert_allclose(sound / 32768, wave, atol=0.02)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "wav"])
def test_the_sound_of_a_film(
    suffix: str, channels: int, tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", 2.0, channels=channels, tone=700)
    rate, sound = read_sound(path, 0.0, None)
    assert rate == 22050
    assert pitch(sound, rate) == pytest.approx(700, abs=2)
    assert np.abs(sound).max() == pytest.approx(8000, rel=0.1)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.25), (0.3, 0.7), (1.2, None), (1.9, 99.0)])
def test_a_stretch_has_exactly_its_samples(start: float, end: float | None, tmp_path: Path) -> None:
    samples = np.arange(16000, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    _, sound = read_sound(tmp_path / "a.wav", start, end)
    first, last = round(start * 8000), None if end is None else round(end * 8000)
    np.testing.assert_array_equal(sound, samples[first:last])


def test_a_stretch_of_a_compressed_film_is_that_of_the_whole(
    tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / "a.mp4", 20.0, tone=33)
    _, whole = read_sound(path, 0.0, None)
    rate, sound = read_sound(path, 15.0, 17.5)
    assert len(sound) == round(2.5 * rate)
    np.testing.assert_allclose(sound, whole[15 * rate :][: len(sound)], atol=2)


@pytest.mark.parametrize("samples", [0, 100])
def test_no_samples_in_the_stretch(samples: int, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(samples), 8000)
    with pytest.raises(UnreadableClipError, match=r"a\.wav has no sound after 3 s"):
        read_sound(tmp_path / "a.wav", 3.0, None)


def test_a_silent_film_is_refused(tmp_path: Path, write_clip: WriteClip) -> None:
    with pytest.raises(UnreadableClipError, match=r"a\.mp4 has no sound"):
        read_sound(write_clip(tmp_path / "a.mp4", 1.0, sound=False), 0.0, None)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_its_time(
    value: float, subtype: str, tmp_path: Path
) -> None:
    wave = np.full((16000, 2), 0.5)
    wave[12000, 1] = value
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype=subtype)
    with pytest.raises(UnreadableClipError, match=r"a\.wav holds NaN or infinity near 1\.[45] s"):
        read_sound(tmp_path / "a.wav", 0.0, None)
    assert len(read_sound(tmp_path / "a.wav", 0.0, 1.0)[1]) == 8000


def test_a_number_too_large_for_single_precision_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 1e300]), 8000, subtype="DOUBLE")
    with pytest.raises(UnreadableClipError, match="NaN or infinity"):
        read_sound(tmp_path / "a.wav", 0.0, None)


@pytest.mark.parametrize(("peak", "noted"), [(0.9, 0), (1.9, 0), (2.1, 1), (32000.0, 1)])
def test_what_is_far_above_full_scale_is_clipped_and_noted(
    peak: float, noted: int, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.25, -peak]), 8000, subtype="FLOAT")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, sound = read_sound(tmp_path / "a.wav", 0.0, None)
    assert sound.tolist() == [8192, max(-32768, round(-peak * 32768))]
    assert [str(each.message) for each in caught] == [
        "a.wav: louder than 2 times full scale, and clipped there"
    ] * noted
