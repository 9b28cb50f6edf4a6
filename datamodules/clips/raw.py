"""Films, sounds and pictures that belong to no data set, by the protocol of prepared clips."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from datamodules.clips.frames import resize, spread
from datamodules.clips.protocols import Protocol
from datamodules.clips.sound import MARGIN_S, audio_input, columns_of, finished
from datamodules.raw.listening import Listener
from datamodules.raw.reads import AbsentError, Place, RawReader
from datamodules.raw.recordings import HEARD, as_mistake, extent_of, sound_of
from datamodules.store.clip import DecodeOptions as DecodeOptions
from datamodules.store.folders import FILMS, IMAGES
from datamodules.store.frames import read_frames, read_picture
from snn_mm.run.processor import one_thread


@dataclass(frozen=True)
class RawClips:
    """Makes the inputs that evaluation has of a clip.

    Attributes:
        protocol: how a clip becomes the inputs.
        decoding: how clips were decoded that the run trained on.
        noisy: adds to an input `[...]` of a modality the noise of the data, by the clip's name.
    """

    protocol: Protocol
    decoding: DecodeOptions
    noisy: Callable[[str, Tensor, str], Tensor]

    def readers(self) -> dict[str, RawReader]:
        """How the inputs are made, by modality."""
        return {
            "audio": RawReader(self.hear, HEARD, self.listen),
            "visual": RawReader(self.see, FILMS | IMAGES),
        }

    def hear(self, place: Place, sample: str) -> Tensor:
        """The spectrogram `[1, F, L]`; of a long sound the beginning alone is decoded."""
        seconds = self.protocol.seconds
        needed = None if seconds is None else seconds + 2 * MARGIN_S
        rate, wave = sound_of(place.path, needed)
        with one_thread():
            return self.noisy("audio", audio_input(wave, rate, self.protocol), place.path.stem)

    def listen(self, rate: int) -> Listener | None:
        """What makes the spectrogram of the last seconds, by the rate of the sound in Hz."""
        protocol = self.protocol
        if protocol.seconds is None or protocol.spectrogram == "fbank":
            return None
        hops, columns = columns_of(protocol, protocol.seconds)

        def finish(spectrum: Tensor) -> Tensor:
            return self.noisy("audio", finished(spectrum, protocol), "heard")

        return Listener((rate, protocol.sample_rate), hops, columns, finish)

    def see(self, place: Place, sample: str) -> Tensor:
        """Frames `[L, 3, H, W]`, or the one frame `[3, H, W]` of the protocol."""
        frames = [_pixels(jpeg) for jpeg in self._jpegs(place.path)]
        shown = resize(frames, self.protocol)
        picture = shown[0] if self.protocol.frames == 1 else shown
        return self.noisy("visual", picture, place.path.stem)

    def _jpegs(self, path: Path) -> list[bytes]:
        wanted = self.protocol.frames
        if path.suffix.lower() in IMAGES:
            with as_mistake():
                return [read_picture(path, self.decoding)] * wanted
        stop = extent_of(path).picture
        if not stop:
            raise AbsentError("no picture")
        with as_mistake():
            return read_frames(path, 0.0, stop, self.decoding, lambda n: spread(n, wanted))


def _pixels(jpeg: bytes) -> NDArray[np.uint8]:
    """A frame `[H, W, 3]`."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))
