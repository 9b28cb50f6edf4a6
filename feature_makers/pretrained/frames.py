"""What networks that look at single frames of a video have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from datamodules.store.frames import convert_frames
from datamodules.store.media import read_extent


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
