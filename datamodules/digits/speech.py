"""A bank of spoken digits in many voices: synthesised ones and one that was recorded."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.digits import espeak
from datamodules.signal import audio
from snn_mm.errors import UserError

SAMPLE_RATE = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ["en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan"]
TAKES = 3
RECORDED = "captcha"
PACKAGES = {
    "sklearn": "scikit-learn",
    "espeakng_loader": "espeakng-loader",
    "captcha": "captcha",
}
"""Import names and registry names of what the data set is made from."""


def check_packages() -> None:
    """Refuse to go on without the extra packages; names what is missing and how to install it."""
    missing = [
        name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise UserError(f'DigitsAV needs {", ".join(missing)}: run `pip install "snn_mm[demo]"`.')


def versions() -> dict[str, object]:
    """Return the versions of the packages: another version may speak differently."""
    return {name: importlib.metadata.version(name) for name in PACKAGES.values()}


def family(speaker: str) -> str:
    """Return the voice a variant derives from: `klatt4` and `klatt` sound alike."""
    return re.sub(r"\d+$", "", speaker)


@dataclass(frozen=True)
class Bank:
    """Utterances end to end.

    Attributes:
        waves: all waves, trimmed, `[samples]` in int16.
        ends: where each utterance ends, `[U]`.
        labels: the digit, `[U]`.
        speakers: who speaks, `[U]`.
        names: a unique name, `[U]`.
    """

    waves: NDArray[np.int16]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]
    speakers: NDArray[np.str_]
    names: NDArray[np.str_]

    def wave(self, index: int) -> audio.Wave:
        """Return an utterance `[samples]` with a mean square of 1."""
        start = self.ends[index - 1] if index else 0
        return audio.normalise(self.waves[start : self.ends[index]].astype(np.float32))


def plan() -> Iterator[tuple[str, int, espeak.SpeechRequest]]:
    """List what to synthesise: speaker, digit and request, the same on every machine."""
    rng = np.random.default_rng(0)
    for speaker in espeak.variants():
        for digit, word in enumerate(WORDS):
            for accent in rng.choice(ACCENTS, TAKES, replace=False):
                rate, pitch = int(rng.integers(130, 221)), int(rng.integers(30, 71))
                yield speaker, digit, espeak.SpeechRequest(word, f"{accent}+{speaker}", rate, pitch)


def build_bank() -> dict[str, NDArray[Any]]:
    """Synthesise and read all utterances; returns the fields of a `Bank`."""
    planned = list(plan())
    waves = synthesise([request for _, _, request in planned])
    names = [f"{request.voice}.{request.text}" for _, _, request in planned]
    waves += [_recorded(digit) for digit in range(len(WORDS))]
    stored = [_to_int16(audio.trim(wave)) for wave in waves]
    return {
        "waves": np.concatenate(stored),
        "ends": np.cumsum([len(wave) for wave in stored]),
        "labels": np.array([digit for _, digit, _ in planned] + list(range(len(WORDS)))),
        "speakers": np.array([speaker for speaker, _, _ in planned] + [RECORDED] * len(WORDS)),
        "names": np.array(names + [f"{RECORDED}.{word}" for word in WORDS]),
    }


def synthesise(requests: list[espeak.SpeechRequest]) -> list[audio.Wave]:
    """Let espeak-ng say all requests in a process of its own; waves at `SAMPLE_RATE`.

    Raises:
        UserError: espeak-ng failed; carries the last line of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        todo, done = Path(folder) / "requests.json", Path(folder) / "waves.npz"
        todo.write_text(json.dumps(requests))
        command = [sys.executable, espeak.__file__, str(todo), str(done)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if process.returncode != 0:
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"Speech synthesis by espeakng-loader failed: {last}")
        with np.load(done, allow_pickle=False) as spoken:
            waves = np.split(spoken["waves"], spoken["ends"][:-1])
            return [_resampled(wave, int(spoken["rate"])) for wave in waves]


def _resampled(wave: NDArray[np.int16], rate: int) -> audio.Wave:
    from torchaudio.functional import resample  # here, because a run reads what was made once

    resampled: torch.Tensor = resample(torch.from_numpy(wave).float(), rate, SAMPLE_RATE)
    return resampled.numpy()


def _recorded(digit: int) -> audio.Wave:
    """Return the digit in the recorded voice that the captcha package carries."""
    folder = Path(str(importlib.resources.files(RECORDED)))
    return audio.read_wav(folder / "data" / str(digit) / "default.wav", SAMPLE_RATE)


def _to_int16(wave: audio.Wave) -> NDArray[np.int16]:
    """Scale a wave `[samples]` so that its peak fills the range."""
    scaled: NDArray[np.float32] = np.round(wave * (32767 / np.abs(wave).max()))
    return scaled.astype(np.int16)
