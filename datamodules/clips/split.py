"""One split of prepared clips."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datamodules.batches import Together, filled, room
from datamodules.clips.frames import augment, draw, resize, spread
from datamodules.clips.protocols import Protocol
from datamodules.clips.spectrograms import Spectrograms
from datamodules.pairing import Rows, stream
from datamodules.signal.noise import Levels, noise
from datamodules.split import Draw, Sample, SampleSource
from datamodules.store.store import ClipStore
from snn_mm.errors import UserError


@dataclass(frozen=True)
class ClipSNR(Levels):
    """Signal-to-noise ratio of each modality in dB; None (or `.inf`) leaves it as it is."""

    audio: float | None = None
    visual: float | None = None


CLEAN = ClipSNR()


class ClipSplit(SampleSource):
    """Clips of a store, made into inputs when they are read.

    What training draws depends on (seed, epoch, clip) alone, not on workers or what was read
    before.

    Args:
        store: the prepared clips.
        rows: which of them belong to the split, `[n]`.
        protocol: how a clip becomes the inputs.
        augmented: whether frames are drawn and cropped at random, as in training.
        seed: of what is drawn.
        snr_db: noise on the inputs; in training another one in every epoch.
        spectrograms: of all clips of the store; by default they are computed.
    """

    modalities = ("audio", "visual")

    def __init__(
        self,
        store: ClipStore,
        rows: Rows,
        protocol: Protocol,
        augmented: bool,
        seed: int,
        snr_db: ClipSNR = CLEAN,
        spectrograms: Spectrograms | None = None,
    ) -> None:
        self.spectrograms = spectrograms or Spectrograms(store, protocol, "compute")
        self.store, self.rows, self.protocol = store, rows, protocol
        self.augmented, self.seed, self.snr_db = augmented, seed, snr_db
        self.labels = store.labels[rows]
        names = store.ids
        self.ids: Sequence[str] = [names[row] for row in rows]

    def __getitem__(self, index: int | Draw) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Sample]:
        """Read the samples of a batch into one tensor a modality, if sounds are equally long."""
        draws = [Draw.of(index) for index in indices]
        visual, audio = room(len(draws), *self._picture_shape()), []
        for (epoch, sample), place in zip(draws, visual):
            clip, row = self.ids[sample], int(self.rows[sample])
            with self._naming(clip):
                audio.append(self.add_noise("audio", self.spectrograms[row], epoch, clip))
                self._see(row, epoch, place)
            place.copy_(self.add_noise("visual", place, epoch, clip))
        alike = len({sound.shape for sound in audio}) == 1
        whole = {"audio": filled(audio), "visual": visual} if alike else {}
        samples = [
            Sample({"audio": sound, "visual": place}, int(self.labels[sample]), self.ids[sample])
            for (_, sample), sound, place in zip(draws, whole.get("audio", audio), visual)
        ]
        return Together(samples, whole) if alike else samples

    def digest(self) -> str:
        """Return a SHA-256 of the store's fingerprint and the rows, without reading a clip."""
        sha = hashlib.sha256(self.store.fingerprint.encode())
        sha.update(np.ascontiguousarray(self.rows).data)
        return sha.hexdigest()

    @contextmanager
    def _naming(self, clip: str) -> Iterator[None]:
        """Name the clip that can't be read."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"Prepared clip '{clip}' in {self.store.directory} can't be read: {error}.\n"
                "Remove that folder and prepare it again if it is damaged."
            ) from error

    def _picture_shape(self) -> tuple[int, ...]:
        """Of a sample: `[3, H, W]` for one frame, `[L, 3, H, W]` for more."""
        frames, size = self.protocol.frames, self.protocol.image_size
        return (3, size, size) if frames == 1 else (frames, 3, size, size)

    def _see(self, row: int, epoch: int, place: Tensor) -> None:
        """Put the frames of a clip to where they belong, `[3, H, W]` or `[L, 3, H, W]`."""
        frames = [self.store.frame(row, index) for index in self._frames(row, epoch)]
        place = place.view(len(frames), *place.shape[-3:])
        if self.augmented:
            crop_seed = int(stream(self.seed, "crop", epoch, row).integers(2**62))
            augment(frames, self.protocol, crop_seed, place)
        else:
            resize(frames, self.protocol, place)

    def add_noise(self, modality: str, value: Tensor, epoch: int, clip: str) -> Tensor:
        """Add noise to an input `[...]`; in evaluation the same in every epoch."""
        when = epoch if self.augmented else 0
        rng = stream(self.seed, "noise", modality, when, clip)
        return noisy(value, getattr(self.snr_db, modality), rng)

    def _frames(self, row: int, epoch: int) -> list[int]:
        """Return the indices of the frames to read."""
        count, wanted = self.store.frame_count(row), self.protocol.frames
        if not self.augmented:
            return spread(count, wanted)
        when = epoch if self.protocol.frame_draw == "epoch" else 0
        return draw(count, wanted, stream(self.seed, "frames", when, row))


def noisy(value: Tensor, snr_db: float | None, rng: np.random.Generator) -> Tensor:
    """Add noise to an input `[...]`, whose own mean square is the power of the signal."""
    if snr_db is None:
        return value
    power = float(value.double().square().mean())
    return value + torch.from_numpy(noise(tuple(value.shape), power, snr_db, rng))
