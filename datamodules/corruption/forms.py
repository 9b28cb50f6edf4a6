"""In which form a modality is corrupted, and the way from there to the input of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.corruption.kinds import FormKind
from datamodules.split import Draw, Split

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Form:
    """What corruptions of a modality act on; here the input itself.

    Attributes:
        kind: what it is.
        sample_rate: of a sound, in Hz.
    """

    kind: FormKind
    sample_rate: int = 0

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """Return what is corrupted of a sample; `read` returns its clean input `[...]`."""
        return read()

    def finish(self, recording: Array, draw: Draw) -> Array:
        """Return the input `[...]` that a network gets of it."""
        return recording


@dataclass(frozen=True, kw_only=True)
class NormalisedPicture(Form):
    """Pictures `[..., C, H, W]` that were shifted and scaled.

    Attributes:
        mean: of each channel, `[C]`.
        deviation: of each channel, `[C]`.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    kind: FormKind = "picture"

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The picture with values in [0, 1]."""
        mean, deviation = self._channels()
        picture: Array = (read() * deviation + mean).clip(0, 1)
        return picture

    def finish(self, recording: Array, draw: Draw) -> Array:
        """The picture, shifted and scaled."""
        mean, deviation = self._channels()
        picture: Array = (recording - mean) / deviation
        return picture

    def _channels(self) -> list[NDArray[np.float32]]:
        given = (self.mean, self.deviation)
        return [np.array(values, np.float32)[:, None, None] for values in given]  # [C, 1, 1]


@dataclass(frozen=True, kw_only=True)
class StoredRecording(Form):
    """What a split has stored, before its transform.

    Attributes:
        split: holds recordings and transforms.
        modality: which of them.
    """

    split: Split
    modality: str
    kind: FormKind = "events"

    def recording(self, draw: Draw, read: Callable[[], Array]) -> Array:
        """The stored recording `[...]`; counts in int64, for they may grow."""
        split = self.split
        stored = split.arrays[self.modality][split.rows[self.modality][draw.row]]
        recording: Array = stored.astype(np.int64 if self.kind == "events" else np.float32)
        return recording

    def finish(self, recording: Array, draw: Draw) -> Array:
        """What the split's transform makes of it."""
        transform = self.split.transforms.get(self.modality)
        finished: Array = recording if transform is None else transform(recording)
        return finished
