"""FSDD recordings are found, named and read, or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from datamodules.digits.fsdd import list_utterances, read_utterances
from datamodules.signal.audio import LogMel
from snn_mm.errors import UserError


def test_file_names_say_digit_speaker_and_take(fsdd_dir: Path) -> None:
    utterances = list_utterances(fsdd_dir)
    assert len(utterances) == 120
    assert utterances[-1][1:] == (9, "theo", 7)


def test_the_folder_of_the_recordings_is_accepted_too(fsdd_dir: Path) -> None:
    assert list_utterances(fsdd_dir / "recordings") == list_utterances(fsdd_dir)


def test_ghosts_of_macos_and_suffixes_in_capitals_change_nothing(fsdd_dir: Path) -> None:
    said = [utterance[1:] for utterance in list_utterances(fsdd_dir)]
    for path in list((fsdd_dir / "recordings").iterdir()):
        path.with_name(f"._{path.name}").touch()
        path.rename(path.with_suffix(".WAV"))
    assert [utterance[1:] for utterance in list_utterances(fsdd_dir)] == said


def test_loudness_and_silence_around_a_recording_do_not_matter(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.2, 3000).clip(-0.9, 0.9)
    wave[[0, -1]] = 0.5
    soundfile.write(tmp_path / "0_a_0.wav", wave, 8000, subtype="FLOAT")
    quiet = np.pad(wave / 10, (500, 700))
    soundfile.write(tmp_path / "0_b_0.wav", quiet, 8000, subtype="FLOAT")
    first, second = read_utterances(list_utterances(tmp_path), LogMel())["inputs"]
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", ["10_theo_0.wav", "42_theo_0.wav"])
def test_a_digit_out_of_range_is_refused_by_name(fsdd_dir: Path, name: str) -> None:
    soundfile.write(fsdd_dir / "recordings" / name, np.zeros(10), 8000)
    with pytest.raises(UserError, match=rf"{name} is out of range: accepted are 0 to 9"):
        list_utterances(fsdd_dir)


@pytest.mark.parametrize("name", ["theo_1.wav", "1-theo-2.wav", "x_theo_2.wav"])
def test_another_kind_of_name_is_refused(fsdd_dir: Path, name: str) -> None:
    soundfile.write(fsdd_dir / "recordings" / name, np.zeros(10), 8000)
    with pytest.raises(UserError, match=f"{name} is not named as in recordings/"):
        list_utterances(fsdd_dir)


def test_a_missing_directory_says_where_to_get_the_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No spoken digits in .*nowhere") as refused:
        list_utterances(tmp_path / "nowhere")
    assert "github.com/Jakobovski" in str(refused.value)
