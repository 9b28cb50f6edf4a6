"""Spoken words by espeak-ng, through its C interface.

This file is also a program, `python espeak.py REQUESTS.json OUT.npz`, and is meant to be used as
one: espeak-ng keeps global state (voices, noise generators, echo), so only a fresh process gives
the same waves for the same requests. It also keeps this GPL-3 library out of our process.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_RATE, _PITCH = 1, 3
_CHARS_AUTO, _POSITION_CHARACTER = 0, 1
_SEED = 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class SpeechRequest(NamedTuple):
    """What to say and how: `voice` is `accent+variant`, `rate` in words a minute, `pitch` 0-99."""

    text: str
    voice: str
    rate: int
    pitch: int


class Synthesiser:
    """The one espeak-ng of this process.

    Attributes:
        sample_rate: of the waves, in Hz.
    """

    def __init__(self) -> None:
        import espeakng_loader

        # espeak-ng cuts paths after 160 characters, which a deep virtual environment exceeds.
        self._link = tempfile.TemporaryDirectory(prefix="espeak-")
        data = Path(self._link.name) / "data"
        data.symlink_to(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._receive)  # the library keeps only its address
        self.sample_rate: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, str(data).encode(), 0
        )
        if self.sample_rate <= 0:
            raise OSError("espeak-ng did not start")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))

    def _receive(self, samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    def say(self, request: SpeechRequest) -> NDArray[np.int16]:
        """Return the wave `[samples]` of a request."""
        library, text = self._library, request.text.encode()
        if library.espeak_SetVoiceByName(request.voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice '{request.voice}'")
        library.espeak_SetParameter(_RATE, request.rate, 0)
        library.espeak_SetParameter(_PITCH, request.pitch, 0)
        self._pieces.clear()
        size = ctypes.c_size_t(len(text) + 1)
        library.espeak_Synth(text, size, 0, _POSITION_CHARACTER, 0, _CHARS_AUTO, None, None)
        if not self._pieces:
            raise ValueError(f"espeak-ng said nothing for {request}")
        return np.concatenate(self._pieces)


def variants() -> list[str]:
    """Return the names of the voice variants that espeak-ng carries."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return sorted(path.name for path in folder.iterdir())


def main(requests_file: str, out_file: str) -> None:
    """Say every request of a JSON list; write the waves end to end, their ends and the rate."""
    requests = [SpeechRequest(*fields) for fields in json.loads(Path(requests_file).read_text())]
    synthesiser = Synthesiser()
    waves = [synthesiser.say(request) for request in requests]
    ends = np.cumsum([len(wave) for wave in waves])
    np.savez(out_file, waves=np.concatenate(waves), ends=ends, rate=synthesiser.sample_rate)


if __name__ == "__main__":
    main(*sys.argv[1:])
