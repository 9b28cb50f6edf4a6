"""Free Spoken Digit Dataset: `{digit}_{speaker}_{index}.wav`, mono at 8 kHz."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.pairing import stream
from datamodules.signal import audio
from datamodules.signal.noise import noise
from datamodules.store.folders import by_name, find_files
from snn_mm.errors import UserError

SAMPLE_RATE = 8000
LAYOUT = "recordings/{digit}_{speaker}_{index}.wav"
TEST_TAKES = 5
"""The data set's own split: recordings with an index below this are its test set."""

_NAME = re.compile(r"(\d+)_([^_]+)_(\d+)")


class Utterance(NamedTuple):
    """A recording and what its file name says."""

    path: Path
    digit: int
    speaker: str
    take: int


def list_utterances(folder: Path) -> list[Utterance]:
    """List the recordings of a folder, or of its subfolder `recordings`.

    Raises:
        UserError: there are none, or a file name is not of the data set; names folder or file.
    """
    recordings = folder / "recordings"
    paths = find_files(recordings if recordings.is_dir() else folder, {".wav"})
    if not paths:
        raise UserError(
            f"No spoken digits in {folder}: accepted is {LAYOUT}.\nGet them from "
            "https://github.com/Jakobovski/free-spoken-digit-dataset and set fsdd_dir."
        )
    return [_utterance(path) for path in by_name(paths).values()]


def _utterance(path: Path) -> Utterance:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise UserError(f"{path} is not named as in {LAYOUT}.")
    digit, speaker, take = int(match[1]), match[2], int(match[3])
    if digit > 9:
        raise UserError(f"Label {digit} of {path} is out of range: accepted are 0 to 9.")
    return Utterance(path, digit, speaker, take)


def read_utterances(
    utterances: list[Utterance], log_mel: audio.LogMel, snr_db: float | None = None, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """Read recordings: log-mel spectrograms `[R, 1, F, L]` and what the file names say.

    Args:
        utterances: the recordings.
        log_mel: makes the spectrograms.
        snr_db: signal-to-noise ratio of the white noise that each wave gets; None adds none.
        seed: decides the noise.

    Raises:
        UserError: a recording can't be read; names it.
    """
    waves = [
        add_noise(read_wave(utterance, log_mel.samples), utterance.path.stem, snr_db, seed)
        for utterance in utterances
    ]
    return {
        "inputs": log_mel(np.stack(waves)),
        "labels": np.array([utterance.digit for utterance in utterances]),
        "speakers": np.array([utterance.speaker for utterance in utterances]),
        "takes": np.array([utterance.take for utterance in utterances]),
        "names": np.array([utterance.path.stem for utterance in utterances]),
    }


def read_wave(utterance: Utterance, samples: int) -> audio.Wave:
    """Read a recording without the silence around it, centred in `[samples]`."""
    wave = audio.read_wav(utterance.path, SAMPLE_RATE)
    return audio.centre(audio.normalise(audio.trim(wave)), samples)


def add_noise(wave: audio.Wave, name: str, snr_db: float | None, seed: int) -> audio.Wave:
    """Add the white noise that a recording `[samples]` of a name always has; None adds none."""
    rng = stream(seed, "noise", "audio", name)
    return wave + noise(wave.shape, 1.0, snr_db, rng)
