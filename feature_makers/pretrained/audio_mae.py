"""AudioMAE from local files, as AV-CIL uses it (Huang et al., NeurIPS 2022)."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datamodules.store.clip import UnreadableClipError
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import to_wave
from feature_makers.pretrained.front_ends import (
    FRAMES,
    FRONT_ENDS,
    MELS,
    SECONDS,
    WINDOW,
    log_mel,
)
from feature_makers.weights import file_digest, fit_weights, read_safetensors, require_package
from snn_mm.errors import UserError, check_choice

PACKAGE = "timm"
ARCHITECTURE = "vit_base_patch16_224"
ACCEPTED = (
    "accepted is model.safetensors, or a directory with it and config.json, such as a copy of "
    "gaunernst/vit_base_patch16_1024_128.audiomae_as2m"
)
NOT_USED = ("norm.", "fc_norm.", "head.")
"""Layers after the last block: AV-CIL replaces the first by one without weights."""


class AudioMAE:
    """The mean of AudioMAE's 512 patches after its last block, standardised: `[768]`.

    AV-CIL loads the pre-trained weights into a network whose last LayerNorm they don't have, so
    that it standardises and does no more; so does this one, whatever the file calls that layer.

    Args:
        weights: a file of tensors named as timm names them, or a directory with it; there,
            config.json says which of timm's vision transformers they are of.
        front_end: what the network hears. `audiomae`: as it was trained, 16 kHz, standardised.
            `av_cil`: as AV-CIL's scripts have it, 11,430 Hz, not standardised; of their recordings
            only the left channel counts, where this takes the mean of the channels.
        device: where to run it.

    Raises:
        UserError: the front end is unknown, the package or a file is missing, or the weights don't
            fit.
    """

    def __init__(self, weights: Path, front_end: str = "audiomae", device: str = "cpu") -> None:
        check_choice("front_end", front_end, tuple(FRONT_ENDS))
        file = find_weights(weights)
        require_package(PACKAGE, "AudioMAE needs")
        architecture = ARCHITECTURE if file == weights else read_architecture(weights)
        self._network = build_network(architecture, read_safetensors(file, ACCEPTED), file)
        self._network.to(device)
        self._device, self._front_end = device, FRONT_ENDS[front_end]
        self.facts: dict[str, object] = {"weights": file_digest(file), "front_end": front_end}

    def read(self, path: Path) -> Tensor:
        """Return what the network hears of a video or recording, `[1024, 128]`.

        Raises:
            UnreadableClipError: there is no sound, or next to none, or it is damaged.
        """
        read_extent(path)  # refuses a file that has been cut off
        rate, sound = read_sound(path, 0.0, SECONDS)
        if len(sound) < 2 * WINDOW * rate:  # one window may be too short once it is resampled
            raise UnreadableClipError(f"{path.name} has only {len(sound) / rate:.3f} s of sound")
        return log_mel(to_wave(sound), rate, self._front_end)

    @torch.inference_mode()
    def encode(self, content: Tensor) -> NDArray[np.float32]:
        """Return the features `[768]` of what was heard, `[1024, 128]`."""
        batch = content[None, None].to(self._device)  # [1024, 128] -> [1, 1, 1024, 128]
        features: NDArray[np.float32] = self._network(batch)[0].cpu().numpy()
        return features


def find_weights(path: Path) -> Path:
    """Return the file of weights that a path names.

    Raises:
        UserError: there is none.
    """
    if path.is_file():
        return path
    if (file := path / "model.safetensors").is_file():
        return file
    if (path / "pytorch_model.bin").is_file():
        raise UserError(
            f"AudioMAE's weights: {path} has pytorch_model.bin, which is a pickle. Convert it:\n"
            "  from safetensors.torch import save_file; import torch\n"
            '  save_file(torch.load("pytorch_model.bin", weights_only=True), "model.safetensors")'
        )
    problem = "has no model.safetensors" if path.is_dir() else "is not there"
    raise UserError(f"AudioMAE's weights: {path} {problem}; {ACCEPTED}.")


def read_architecture(directory: Path) -> str:
    """Return the name of a vision transformer of timm that config.json gives.

    Raises:
        UserError: the file is missing or damaged, or names something else.
    """
    path = directory / "config.json"
    try:
        name = json.loads(path.read_text())["architecture"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"AudioMAE's {path} gives no architecture ({error}); {ACCEPTED}."
        ) from error
    models = import_module("timm.models")
    if not isinstance(name, str) or not models.is_model_in_modules(name, {"vision_transformer"}):
        raise UserError(f"AudioMAE's {path}: timm has no vision transformer {name!r}; {ACCEPTED}.")
    return name


def build_network(architecture: str, state: dict[str, Tensor], path: Path) -> nn.Module:
    """Return a vision transformer that averages its patches, in evaluation mode.

    Args:
        architecture: as timm calls it.
        state: its tensors.
        path: where they are from, for messages.

    Raises:
        UserError: tensors are missing, unknown or of other shapes.
    """
    network: Any = import_module(PACKAGE).create_model(
        architecture,
        pretrained=False,
        img_size=(FRAMES, MELS),
        in_chans=1,
        num_classes=0,
        global_pool="avg",
    )
    network.fc_norm = nn.LayerNorm(network.num_features, eps=1e-6, elementwise_affine=False)
    used = {name: each for name, each in state.items() if not name.startswith(NOT_USED)}
    fit_weights(network, used, f"AudioMAE's weights {path} don't fit {architecture}", ACCEPTED)
    trunk: nn.Module = network
    return trunk
