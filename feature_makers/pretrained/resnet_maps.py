"""Maps of ResNet-18 from a local file, as MUSIC-AVQA uses them."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.transforms import v2

from feature_makers.pretrained.frames import PretrainedFrames
from feature_makers.weights import file_digest, fit_weights, read_state

SECONDS = 60
"""Length of MUSIC-AVQA's videos."""

_MEAN, _DEVIATION = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
_ACCEPTED = "torchvision's resnet18-*.pth, trained on ImageNet"


class ResNetMaps(PretrainedFrames):
    """The last feature maps `[60, 512, 14, 14]` of a frame a second.

    As `feat_script/extract_visual_feat_14x14` of GeWu-Lab/MUSIC-AVQA: pictures of 224 x 224, and no
    stride in the last stage, which would halve 14 to 7. Frames are those in the middle of each
    second; a shorter video goes on with its last frame, where that script repeats the last second.

    Args:
        weights: file of the state dictionary.
        frames_per_second: 1 makes 60 frames of a minute.
        device: where to run it.

    Raises:
        UserError: the file is missing or damaged, or its tensors don't fit.
    """

    def __init__(self, weights: Path, frames_per_second: float = 1.0, device: str = "cpu") -> None:
        network = _build_network(weights)
        digest = file_digest(weights)
        super().__init__(network, device, weights=digest, frames_per_second=frames_per_second)
        self._rate = frames_per_second
        self._prepare = v2.Compose(
            [
                v2.Resize((224, 224)),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(_MEAN, _DEVIATION),
            ]
        )

    def frame_times(self, seconds: float) -> list[float]:
        """Return the middles of 60 seconds' parts, whatever the length of the video."""
        return [(index + 0.5) / self._rate for index in range(round(SECONDS * self._rate))]

    def prepare(self, image: Image.Image) -> Tensor:
        """Scale and standardise an RGB image to `[3, 224, 224]`."""
        frame: Tensor = self._prepare(image)
        return frame


def _build_network(weights: Path) -> nn.Module:
    """Return ResNet-18 up to its last maps, in evaluation mode."""
    network = resnet18(weights=None)
    state = read_state(weights, _ACCEPTED)  # of the whole network, classifier included
    fit_weights(network, state, f"weights {weights}", f"accepted is {_ACCEPTED}.")
    first = network.layer4[0]
    first.conv1.stride = first.downsample[0].stride = (1, 1)
    return nn.Sequential(*list(network.children())[:-2])  # without pooling and classifier
