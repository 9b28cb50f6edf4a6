"""VideoMAE from a local directory, as AV-CIL uses it (Tong et al., NeurIPS 2022)."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image
from torch import Tensor

from datamodules.store.folders import find_files
from feature_makers.pretrained.frames import PretrainedFrames
from feature_makers.weights import file_digest, load_transformer, require_package
from snn_mm.errors import UserError

ACCEPTED = (
    "accepted is a directory with config.json, preprocessor_config.json and *.safetensors, "
    "such as a copy of MCG-NJU/videomae-base"
)
FRAMES = 16


class VideoMAE(PretrainedFrames):
    """The last hidden states of VideoMAE: 8 x 14 x 14 positions of 768 features for the base model.

    Args:
        directory: what the model's and the image processor's `save_pretrained` wrote.
        frames_per_second: of the frames to choose 16 from: 8 as AV-CIL does, 10 for its AVE.
        device: where to run it.

    Raises:
        UserError: the package or a part of the directory is missing, or the weights don't fit.
    """

    def __init__(
        self, directory: Path, frames_per_second: float = 8.0, device: str = "cpu"
    ) -> None:
        check_directory(directory)
        name, classes = (
            f"VideoMAE's weights in {directory}",
            ("VideoMAEImageProcessor", "VideoMAEModel"),
        )
        self._processor, network = load_transformer(directory, classes, name, name, ACCEPTED)
        if (frames := network.config.num_frames) != FRAMES:
            raise UserError(f"{directory}: num_frames is {frames}; accepted is {FRAMES}.")
        digests = [file_digest(path) for path in find_files(directory, {".safetensors"})]
        super().__init__(network, device, weights=digests, frames_per_second=frames_per_second)
        self._rate = frames_per_second

    def frame_times(self, seconds: float) -> list[float]:
        """Return the times of 16 frames from the first to the last one."""
        rows = evenly_spaced(max(1, round(seconds * self._rate)))
        return [row / self._rate for row in rows]

    def prepare(self, image: Image.Image) -> Tensor:
        """Scale, crop and standardise an RGB image to `[3, 224, 224]`."""
        pixels: Tensor = self._processor([image], return_tensors="pt")["pixel_values"]
        return pixels.reshape(pixels.shape[-3:])  # [1, 1, 3, H, W] -> [3, H, W]

    def forward(self, frames: Tensor) -> Tensor:
        """Return the hidden states `[1568, 768]` of the frames `[16, 3, 224, 224]`."""
        batch = frames[None]  # [16, 3, H, W] -> [1, 16, 3, H, W]
        states: Tensor = self.network(batch).last_hidden_state[0]
        return states


def evenly_spaced(frames: int, count: int = FRAMES) -> list[int]:
    """Choose frames as `utils/gen_visual_features.py` of AV-CIL does.

    Frame i is round(i n / (count - 1)) with halves up, the last one n - 1, all counted from 0.

    Args:
        frames: n, number of frames, at least 1.
        count: how many to choose, with repetition where there are fewer.
    """
    between = [math.floor(i * frames / (count - 1) + 0.5) for i in range(count - 1)]
    return [min(row, frames - 1) for row in between] + [frames - 1]


def check_directory(directory: Path) -> None:
    """Refuse what can't work before any time is spent.

    Raises:
        UserError: a part of the directory is missing, or the package is not installed.
    """
    if not directory.is_dir():
        raise UserError(f"VideoMAE's weights: {directory} is no directory; {ACCEPTED}.")
    for pattern in ("config.json", "preprocessor_config.json", "*.safetensors"):
        if not any(directory.glob(pattern)):
            raise UserError(f"VideoMAE's weights: {directory} has no {pattern}; {ACCEPTED}.")
    require_package("transformers", "VideoMAE needs")
