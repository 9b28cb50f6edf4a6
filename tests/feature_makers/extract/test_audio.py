"""The 33 features against signals whose answer is known, and against librosa itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest

from datamodules.store.clip import UnreadableClipError
from feature_makers.extract.audio import (
    DIMENSIONS,
    HOP,
    SAMPLE_RATE,
    UNVOICED,
    Features,
    librosa_features,
    log_f0,
    read_wave,
)


def tone(frequency: float, seconds: float = 0.5) -> Features:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.fixture(scope="module")
def paper() -> Features:
    return librosa_features(tone(220))


@pytest.fixture(scope="module")
def released() -> Features:
    return librosa_features(tone(220), variant="released")


def test_a_tone_has_the_logarithm_of_its_frequency_in_the_first_column(paper: Features) -> None:
    inner = paper[4:-4, 0]
    np.testing.assert_allclose(inner, math.log(220), atol=0.01)


def test_a_tone_crosses_zero_twice_a_period(released: Features) -> None:
    inner = released[4:-4, 0]
    assert inner.mean() == pytest.approx(2 * 220 / SAMPLE_RATE, abs=1 / 2048)


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize(("variant", "htk"), [("paper", False), ("released", True)])
def test_the_other_columns_are_librosas(
    variant: str, htk: bool, paper: Features, released: Features
) -> None:
    wave, found = tone(220), paper if variant == "paper" else released
    mfcc = librosa.feature.mfcc(y=wave, sr=22050, n_mfcc=20, hop_length=512, htk=htk).T
    chroma = librosa.feature.chroma_cqt(y=wave, sr=22050, hop_length=512).T
    np.testing.assert_allclose(found[:, 1:21], mfcc, rtol=1e-5)
    np.testing.assert_allclose(found[:, 21:], chroma, rtol=1e-5)


def test_the_variants_share_their_chroma_and_nothing_else(
    paper: Features, released: Features
) -> None:
    np.testing.assert_array_equal(paper[:, 21:], released[:, 21:])
    assert not np.isclose(paper[:, :21], released[:, :21]).all(axis=0).any()


def test_a_tone_lights_up_its_pitch_class(paper: Features) -> None:
    a = librosa.note_to_midi("A3") % 12
    assert (paper[4:-4, 21:].argmax(axis=1) == a).all()


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, 3000])
def test_all_features_have_a_step_a_hop(samples: int) -> None:
    features = librosa_features(tone(220)[:samples])
    assert features.shape == (1 + samples // HOP, DIMENSIONS)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_nobody_voices_in_silence() -> None:
    assert (log_f0(np.zeros(4096, np.float32)) == UNVOICED).all()


def test_yin_finds_the_tone_too() -> None:
    np.testing.assert_allclose(log_f0(tone(220), pitch="yin")[4:-4], math.log(220), atol=0.01)


def test_a_film_is_heard_at_the_common_rate(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "clip.mkv", 1.0, sample_rate=44100, channels=2, tone=220)
    wave = read_wave(path)
    assert len(wave) / SAMPLE_RATE == pytest.approx(1.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(wave[:SAMPLE_RATE]))
    assert spectrum.argmax() * SAMPLE_RATE / len(wave[:SAMPLE_RATE]) == pytest.approx(220, abs=2)


def test_a_film_without_sound_is_unreadable(
    write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "clip.mp4", 0.5, sound=False)
    with pytest.raises(UnreadableClipError, match=r"clip\.mp4 has no sound"):
        read_wave(path)
