"""The networks that make features of videos, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from snn_mm.errors import UserError


class VideoEncoder(Protocol):
    """A frozen network.

    Attributes:
        facts: what decides its features, by name, such as a digest of its weights.
    """

    facts: dict[str, object]

    def frame_times(self, seconds: float) -> list[float]:
        """Return when the frames are shown that a video of this length is encoded from."""
        ...

    def prepare(self, image: Image.Image) -> Tensor:
        """Return what the network sees of an RGB image, `[3, 224, 224]`."""
        ...

    def encode(self, frames: Tensor) -> NDArray[np.float32]:
        """Return the features of the frames `[L, 3, 224, 224]` of one video."""
        ...


class Kind(NamedTuple):
    """What is said of a network before its module is imported.

    Attributes:
        summary: of what, from what.
        home: module and class.
        weights: what `--weights` names.
        file: HDF5 file that the features end up in; None for one `<video>.npy` each.
    """

    summary: str
    home: tuple[str, str]
    weights: str
    file: str | None


KINDS = {
    "videomae": Kind(
        "VideoMAE-base: [1568, 768] of 16 frames, for AVE-CI, K-S-CI and VS100-CI",
        ("video_mae", "VideoMAE"),
        "a directory with config.json, preprocessor_config.json and *.safetensors",
        "visual_features.h5",
    ),
    "resnet18": Kind(
        "ResNet-18 maps: [60, 512, 14, 14] of a frame a second, for MUSIC-AVQA",
        ("resnet_maps", "ResNetMaps"),
        "torchvision's state dictionary, resnet18-*.pth",
        None,
    ),
}

NOT_HERE = {
    "audiomae": "AudioMAE: take audio_pretrained_feature_dict.npy of wiberg/AV-CIL_features",
    "vggish": "VGGish: take the audio features of gewu-lab.github.io/MUSIC-AVQA",
}
"""Networks that no library which this project may depend on still maintains."""


def check_kind(name: str) -> Kind:
    """Return what is known of a network.

    Raises:
        UserError: there is none of this name, or none that is maintained.
    """
    if name in NOT_HERE:
        raise UserError(f"no maintained library has {NOT_HERE[name]}\naccepted: {', '.join(KINDS)}")
    if name not in KINDS:
        near = difflib.get_close_matches(name.lower(), KINDS, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?\n" if near else ""
        raise UserError(f"no network '{name}'; {hint}accepted: {', '.join(KINDS)}")
    return KINDS[name]


def load_encoder(
    name: str, weights: Path, device: str = "cpu", frames_per_second: float | None = None
) -> VideoEncoder:
    """Load a network.

    Args:
        name: one of `KINDS`.
        weights: where its weights lie.
        device: where to run it, such as `cuda`.
        frames_per_second: of the frames it chooses from; None is the network's own rate.

    Raises:
        UserError: the name is unknown, or the weights are missing or do not fit.
    """
    module, cls = check_kind(name).home
    factory = getattr(import_module(f"datamodules.pretrained.{module}"), cls)
    rate = {} if frames_per_second is None else {"frames_per_second": frames_per_second}
    return cast(Callable[..., VideoEncoder], factory)(weights, device=device, **rate)
