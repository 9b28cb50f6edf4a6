"""The networks that make features of videos, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.errors import UserError


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


class Kind(NamedTuple):
    """What is said of a network before its module is imported.

    Attributes:
        summary: of what, from what.
        home: module and class.
        weights: what `--weights` names.
        file: where the features end up together: an HDF5 file or, as `.npy`, a dictionary; None
            for one `<video>.npy` each.
        settings: what else the class takes, and the command as an option.
    """

    summary: str
    home: tuple[str, str]
    weights: str
    file: str | None
    settings: tuple[str, ...] = ("frames_per_second",)


KINDS = {
    "videomae": Kind(
        "VideoMAE-base: [1568, 768] of 16 frames, for AVE-CI, K-S-CI and VS100-CI",
        ("video_mae", "VideoMAE"),
        "a directory with config.json, preprocessor_config.json and *.safetensors",
        "visual_features.h5",
    ),
    "audiomae": Kind(
        "AudioMAE: [768] of the first 10.24 s of sound, for AVE-CI, K-S-CI and VS100-CI",
        ("audio_mae", "AudioMAE"),
        "model.safetensors, or a directory with it and config.json",
        "audio_pretrained_feature_dict.npy",
        ("front_end",),
    ),
    "resnet18": Kind(
        "ResNet-18 maps: [60, 512, 14, 14] of a frame a second, for MUSIC-AVQA",
        ("resnet_maps", "ResNetMaps"),
        "torchvision's state dictionary, resnet18-*.pth",
        None,
    ),
}

NOT_HERE = {"vggish": "VGGish: take the audio features of gewu-lab.github.io/MUSIC-AVQA"}
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


def check_settings(name: str, settings: Collection[str]) -> None:
    """Refuse settings that would change nothing.

    Raises:
        UserError: the network doesn't take one of them.
    """
    known = check_kind(name).settings
    if unknown := [each for each in settings if each not in known]:
        raise UserError(f"{name} takes no --{unknown[0]}; accepted: --{', --'.join(known)}")


def load_encoder(
    name: str, weights: Path, device: str = "cpu", **settings: float | str
) -> VideoEncoder:
    """Load a network.

    Args:
        name: one of `KINDS`.
        weights: where its weights lie.
        device: where to run it, such as `cuda`.
        settings: of the network, by the names in its `Kind`.

    Raises:
        UserError: the name or a setting is unknown, or the weights are missing or do not fit.
    """
    check_settings(name, settings)
    module, cls = check_kind(name).home
    factory = getattr(import_module(f"feature_makers.pretrained.{module}"), cls)
    return cast(Callable[..., VideoEncoder], factory)(weights, device=device, **settings)
