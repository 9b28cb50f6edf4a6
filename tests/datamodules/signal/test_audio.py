"""Waveforms are read strictly; the log-mel spectrogram is the one of its formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.signal.audio import FLOOR, LogMel, centre, normalise, read_wav, trim
from snn_mm.errors import UserError


def mel_bank() -> np.ndarray:
    """Return 32 triangles, equally spaced in mel = 2595 log10(1 + f / 700), over 129 bins."""
    top = 2595 * np.log10(1 + 4000 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, 34) / 2595) - 1)
    bins = np.linspace(0, 4000, 129)
    return np.stack([np.interp(bins, corners[i : i + 3], [0, 1, 0]) for i in range(32)])


def test_log_mel_equals_a_float64_computation() -> None:
    log_mel = LogMel()
    wave = np.random.default_rng(0).normal(size=log_mel.samples)
    padded = np.pad(wave, 28)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    frames = np.stack([padded[i * 200 : i * 200 + 256] * window for i in range(32)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    expected = np.log(mel_bank() @ power.T + FLOOR)
    actual = log_mel(wave[None].astype(np.float32))
    assert actual.shape == (1, 1, 32, 32)
    np.testing.assert_allclose(actual[0, 0], expected, atol=2e-3)


def test_log_mel_of_many_waves_equals_that_of_each() -> None:
    waves = np.random.default_rng(0).normal(size=(300, LogMel().samples)).astype(np.float32)
    np.testing.assert_allclose(LogMel()(waves)[270:271], LogMel()(waves[270:271]), atol=1e-5)


def test_no_mel_band_is_empty() -> None:
    noise = np.random.default_rng(0).normal(size=(1, LogMel().samples)).astype(np.float32)
    assert (LogMel()(noise) > np.log(FLOOR) + 1).all()


def test_trim_cuts_silence_from_both_ends_alone() -> None:
    wave = np.array([0, 0.001, 1, 0, -0.5, 0.009], np.float32)
    assert trim(wave).tolist() == [1, 0, -0.5]


def test_trim_keeps_digital_silence() -> None:
    assert trim(np.zeros(5, np.float32)).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("length", "expected"), [(2, [0, 1, 2, 0, 0]), (5, [1, 2, 3, 4, 5]), (8, [2, 3, 4, 5, 6])]
)
def test_centre_pads_or_cuts_both_ends(length: int, expected: list[int]) -> None:
    wave = np.arange(1, length + 1, dtype=np.float32)
    assert centre(wave, 5).tolist() == expected


def test_normalise_gives_a_mean_square_of_one() -> None:
    assert np.mean(normalise(np.array([3, -4], np.float32)) ** 2) == pytest.approx(1)
    assert not normalise(np.zeros(3, np.float32)).any()


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    wave = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    assert np.array_equal(read_wav(tmp_path / "a.wav", 8000), wave)


@pytest.mark.parametrize(
    ("shape", "rate", "says"),
    [((10, 2), 8000, "2 channels"), ((10,), 16000, "at 16000 Hz"), ((0,), 8000, "is empty")],
)
def test_another_form_of_audio_is_refused_by_name(
    tmp_path: Path, shape: tuple[int, ...], rate: int, says: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(shape), rate)
    with pytest.raises(UserError, match=rf"a\.wav .*{says}"):
        read_wav(tmp_path / "a.wav", 8000)


def test_nan_in_a_recording_is_refused_by_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.1, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"a\.wav .*NaN"):
        read_wav(tmp_path / "a.wav", 8000)


@pytest.mark.parametrize("content", [b"", b"RIFF of no use", None])
def test_a_corrupt_or_missing_file_is_refused_by_name(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.wav can't be read"):
        read_wav(tmp_path / "a.wav", 8000)


def test_a_recording_that_was_cut_off_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(UserError, match=r"a\.wav is cut off: it has 9,000 of 16,044 bytes"):
        read_wav(path, 8000)
