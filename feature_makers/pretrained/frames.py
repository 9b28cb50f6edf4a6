"""What networks that encode videos do, and what those that look at single frames have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from datamodules.store.frames import convert_frames
from datamodules.store.media import read_extent


class VideoEncoder(ABC):
    """A frozen network.

    Args:
        network: in evaluation mode.
        device: where to run it, such as `cuda`.
        facts: what decides its features, by name, such as a digest of its weights.
    """

    def __init__(self, network: nn.Module, device: str, **facts: object) -> None:
        self.network: Any = network.to(device)
        self.device, self.facts = device, facts

    @abstractmethod
    def read(self, path: Path) -> Tensor:
        """Return what the network sees or hears of a video, `[L, ...]`; threads call it.

        Raises:
            UnreadableClipError: the video has none of it, or is damaged.
        """

    @torch.inference_mode()
    def encode(self, content: Tensor) -> NDArray[np.float32]:
        """Return the features of one video from what `read` returned, `[L, ...]`."""
        features: NDArray[np.float32] = self.forward(content.to(self.device)).cpu().numpy()
        return features

    def forward(self, content: Tensor) -> Tensor:
        """Run the network on what `read` returned, `[L, ...]`."""
        features: Tensor = self.network(content)
        return features


class PretrainedFrames(VideoEncoder):
    """Reads frames of a video, one decoded frame in memory at a time."""

    @abstractmethod
    def frame_times(self, seconds: float) -> list[float]:
        """Return when the frames are shown that a video of this length is encoded from."""

    @abstractmethod
    def prepare(self, image: Image.Image) -> Tensor:
        """Return what the network sees of an RGB image, `[3, 224, 224]`."""

    def read(self, path: Path) -> Tensor:
        """Return the frames that the network sees of a video, `[L, 3, 224, 224]`."""
        times = self.frame_times(read_extent(path).picture)
        return torch.stack(convert_frames(path, times, self.prepare))
