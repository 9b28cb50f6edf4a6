"""The networks that make features of videos, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from snn_mm.errors import UserError

if TYPE_CHECKING:
    from feature_makers.pretrained.frames import VideoEncoder


class VideoNetwork(NamedTuple):
    """What is said of a network before its module is imported.

    Attributes:
        summary: what it makes of a video, where that goes, and of which weights, in two lines.
        home: module and class.
        weights: what `--weights` names.
        file: where the features end up together: an HDF5 file or, as `.npy`, a dictionary; None
            for one `<video>.npy` each.
        settings: what else the class takes, and the command as an option.
    """

    summary: tuple[str, str]
    home: tuple[str, str]
    weights: str
    file: str | None
    settings: tuple[str, ...] = ("frames_per_second",)


NETWORKS = {
    "videomae": VideoNetwork(
        (
            "VideoMAE-base [1568, 768] of 16 frames, in one visual_features.h5;",
            "--weights: a copy of MCG-NJU/videomae-base; needs `pip install transformers`",
        ),
        ("video_mae", "VideoMAE"),
        "a directory with config.json, preprocessor_config.json and *.safetensors",
        "visual_features.h5",
    ),
    "audiomae": VideoNetwork(
        (
            "AudioMAE [768] of the sound, in one audio_pretrained_feature_dict.npy; --weights:",
            "of gaunernst/vit_base_patch16_1024_128.audiomae_as2m; needs `pip install timm`",
        ),
        ("audio_mae", "AudioMAE"),
        "model.safetensors, or a directory with it and config.json",
        "audio_pretrained_feature_dict.npy",
        ("front_end",),
    ),
    "resnet18": VideoNetwork(
        (
            "ResNet-18 [60, 512, 14, 14] of a frame a second, a .npy each;",
            "--weights: torchvision's resnet18-*.pth",
        ),
        ("resnet_maps", "ResNetMaps"),
        "torchvision's state dictionary, resnet18-*.pth",
        None,
    ),
}

NOT_HERE = {"vggish": "VGGish: take the audio features of gewu-lab.github.io/MUSIC-AVQA"}
"""Networks that no library which this project may depend on still maintains."""


def check_network(name: str, settings: Collection[str] = ()) -> VideoNetwork:
    """Return what is known of a network.

    Args:
        name: one of `NETWORKS`.
        settings: names of what is set beside its weights and its device.

    Raises:
        UserError: there is none of this name, none that is maintained, or it doesn't take a
            setting, which would change nothing.
    """
    known = ", ".join(NETWORKS)
    if name in NOT_HERE:
        raise UserError(f"no maintained library has {NOT_HERE[name]}\naccepted: {known}")
    if name not in NETWORKS:
        near = difflib.get_close_matches(name.lower(), NETWORKS, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?\n" if near else ""
        raise UserError(f"no network '{name}'; {hint}accepted: {known}")
    network = NETWORKS[name]
    if unknown := [each for each in settings if each not in network.settings]:
        accepted = ", --".join(network.settings)
        raise UserError(f"{name} takes no --{unknown[0]}; accepted: --{accepted}")
    return network


def load_encoder(
    name: str, weights: Path, device: str = "cpu", **settings: float | str
) -> VideoEncoder:
    """Load a network.

    Args:
        name: one of `NETWORKS`.
        weights: where its weights lie.
        device: where to run it, such as `cuda`.
        settings: of the network, by name.

    Raises:
        UserError: the name or a setting is unknown, or the weights are missing or do not fit.
    """
    module, cls = check_network(name, settings).home
    factory = getattr(import_module(f"feature_makers.pretrained.{module}"), cls)
    return cast("Callable[..., VideoEncoder]", factory)(weights, device=device, **settings)
