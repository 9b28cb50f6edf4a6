"""What networks that encode videos do, and those that look at single frames in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from datamodules.store.frames import convert_frames
from datamodules.store.media import read_extent


class VideoEncoder(Protocol):
    """A frozen network.

    Attributes:
        facts: what decides its features, by name, such as a digest of its weights.
    """

    facts: dict[str, object]

    def read(self, path: Path) -> Tensor:
        """Return what the network sees or hears of a video, `[L, ...]`; threads call it.

        Raises:
            UnreadableClipError: the video has none of it, or is damaged.
        """
        ...

    def encode(self, content: Tensor) -> NDArray[np.float32]:
        """Return the features of one video from what `read` returned, `[L, ...]`."""
        ...


class PretrainedFrames(ABC):
    """Reads frames of a video, one decoded frame in memory at a time."""

    @abstractmethod
    def frame_times(self, seconds: float) -> list[float]:
        """Return when the frames are shown that a video of this length is encoded from."""

    @abstractmethod
    def prepare(self, image: Image.Image) -> Tensor:
        """Return what the network sees of an RGB image, `[3, 224, 224]`."""

    def read(self, path: Path) -> Tensor:
        """Return the frames that the network sees of a video, `[L, 3, 224, 224]`.

        Raises:
            UnreadableClipError: there is no picture, or it is damaged.
        """
        times = self.frame_times(read_extent(path).picture)
        return torch.stack(convert_frames(path, times, self.prepare))
