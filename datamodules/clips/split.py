"""One split of prepared clips."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import UnidentifiedImageError
from torch import Tensor

from datamodules.clips.frames import augment, draw, resize, spread
from datamodules.clips.protocols import Protocol
from datamodules.clips.sound import audio_input
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
    ) -> None:
        self.store, self.rows, self.protocol = store, rows, protocol
        self.augmented, self.seed, self.snr_db = augmented, seed, snr_db
        self.labels = store.labels[rows]
        names = store.ids
        self.ids: Sequence[str] = [names[row] for row in rows]

    def __getitem__(self, index: int | Draw) -> Sample:
        epoch, sample = Draw.of(index)
        row = int(self.rows[sample])
        try:
            inputs = {"audio": self._audio(row), "visual": self._visual(row, epoch)}
        except (OSError, ValueError, RuntimeError) as error:
            # Pillow would print the address of a buffer.
            is_picture = isinstance(error, UnidentifiedImageError)
            raise UserError(
                f"Prepared clip '{self.ids[sample]}' in {self.store.directory} can't be read: "
                f"{'a frame is not a picture' if is_picture else error}.\n"
                "Remove that folder and prepare it again if it is damaged."
            ) from error
        clip = self.ids[sample]
        noisy = {name: self._noisy(name, value, epoch, clip) for name, value in inputs.items()}
        return Sample(noisy, int(self.labels[sample]), clip)

    def digest(self) -> str:
        """Return a SHA-256 of the store's fingerprint and the rows, without reading a clip."""
        sha = hashlib.sha256(self.store.fingerprint.encode())
        sha.update(np.ascontiguousarray(self.rows).data)
        return sha.hexdigest()

    def _audio(self, row: int) -> Tensor:
        """Return the spectrogram of a clip, `[1, F, L]`."""
        return audio_input(self.store.wave(row), self.store.sample_rate(row), self.protocol)

    def _visual(self, row: int, epoch: int) -> Tensor:
        """Return the frames of a clip, `[3, H, W]` for one and `[L, 3, H, W]` for more."""
        frames = [self.store.frame(row, index) for index in self._frames(row, epoch)]
        if self.augmented:
            crop_seed = int(stream(self.seed, "crop", epoch, row).integers(2**62))
            images = augment(frames, self.protocol, crop_seed)
        else:
            images = resize(frames, self.protocol)
        return images[0] if len(frames) == 1 else images

    def _noisy(self, modality: str, value: Tensor, epoch: int, clip: str) -> Tensor:
        """Add noise to an input `[...]`, whose own mean square is the power of the signal."""
        snr_db: float | None = getattr(self.snr_db, modality)
        if snr_db is None:
            return value
        when = epoch if self.augmented else 0
        rng = stream(self.seed, "noise", modality, when, clip)
        power = float(value.double().square().mean())
        return value + torch.from_numpy(noise(tuple(value.shape), power, snr_db, rng))

    def _frames(self, row: int, epoch: int) -> list[int]:
        """Return the indices of the frames to read."""
        count, wanted = self.store.frame_count(row), self.protocol.frames
        if not self.augmented:
            return spread(count, wanted)
        when = epoch if self.protocol.frame_draw == "epoch" else 0
        return draw(count, wanted, stream(self.seed, "frames", when, row))
