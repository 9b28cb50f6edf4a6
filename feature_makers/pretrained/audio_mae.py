"""AudioMAE from local files, as AV-CIL uses it (Huang et al., NeurIPS 2022)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad
from torchaudio.compliance import kaldi

from datamodules.store.clip import UnreadableClipError
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import to_wave
from feature_makers.pretrained.frames import VideoEncoder
from feature_makers.weights import file_digest, fit_weights, read_safetensors, require_package
from snn_mm.errors import UserError, check_choice
from snn_mm.reading.json_files import json_object

Wave = NDArray[np.float32]

PACKAGE = "timm"
ARCHITECTURE = "vit_base_patch16_224"
ACCEPTED = (
    "accepted is model.safetensors, or a directory with it and config.json, such as a copy of "
    "gaunernst/vit_base_patch16_1024_128.audiomae_as2m"
)
NOT_USED = ("norm.", "fc_norm.", "head.")
"""Layers after the last block: AV-CIL replaces the first by one without weights."""


FRAMES, MELS = 1024, 128
WINDOW = 0.025
"""Seconds of sound in a frame; frames begin every 10 ms."""
SECONDS = 11.0
"""More than enough sound for all frames."""


class FrontEnd(NamedTuple):
    """How a wave becomes the input of the network.

    Attributes:
        rate: sampling rate in Hz.
        resample: from a wave `[samples]` of one rate to another.
        mean: subtracted from the log mel energies.
        scale: divides them.
    """

    rate: int
    resample: Callable[[Wave, int, int], Wave]
    mean: float
    scale: float


def band_limited(wave: Wave, rate: int, target: int) -> Wave:
    """Resample a wave `[samples]`, whatever the two rates."""
    resampled: Wave = librosa.resample(wave, orig_sr=rate, target_sr=target)
    return resampled


def nearest_sample(wave: Wave, rate: int, target: int) -> Wave:
    """Take from 44.1 kHz the sample nearest to each time, with the aliases that this makes.

    That is how MoviePy 1.0.3 lowers a rate, with which AV-CIL made its recordings.
    """
    source = band_limited(wave, rate, 44_100)
    count = len(source) * target // 44_100
    rows = np.rint(np.arange(count) * (44_100 / target)).astype(int)
    nearest: Wave = source[np.minimum(rows, len(source) - 1)]
    return nearest


FRONT_ENDS = {
    "audiomae": FrontEnd(16_000, band_limited, mean=-4.2677393, scale=2 * 4.5689974),
    "av_cil": FrontEnd(11_430, nearest_sample, mean=0.0, scale=1.0),
}
"""By name: what AudioMAE was trained on (`main_pretrain.py` and `dataset.py` of
facebookresearch/AudioMAE), and what AV-CIL's scripts feed it (`utils/extract_audios.py` and
`utils/gen_audio_features.py` of weiguoPian/AV-CIL_ICCV2023)."""


def log_mel(wave: Wave, rate: int, front_end: FrontEnd) -> Tensor:
    """Return the input of the network, `[1024, 128]`: time and mel bands.

    A shorter sound goes on with zeros, which stand for log energies and not for silence; both
    sources do it, before they standardise.

    Args:
        wave: `[samples]` between -1 and 1, at least `WINDOW` seconds of them.
        rate: its sampling rate in Hz.
        front_end: how it is heard.
    """
    heard = torch.from_numpy(front_end.resample(wave, rate, front_end.rate))
    energies = kaldi.fbank(
        (heard - heard.mean())[None],  # [samples] -> [1, samples]
        htk_compat=True,
        sample_frequency=front_end.rate,
        window_type="hanning",
        num_mel_bins=MELS,
        frame_length=1000 * WINDOW,
        frame_shift=10.0,
    )
    frames = pad(energies[:FRAMES], (0, 0, 0, max(0, FRAMES - len(energies))))
    return (frames - front_end.mean) / front_end.scale


class AudioMAE(VideoEncoder):
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
        file = _find_weights(weights)
        require_package(PACKAGE, "AudioMAE needs")
        architecture = ARCHITECTURE if file == weights else _read_architecture(weights)
        network = _build_network(architecture, file)
        super().__init__(network, device, weights=file_digest(file), front_end=front_end)
        self._front_end = FRONT_ENDS[front_end]

    def read(self, path: Path) -> Tensor:
        """Return what the network hears of a video or recording, `[1024, 128]`.

        Next to no sound counts as none.
        """
        read_extent(path)  # refuses a file that has been cut off
        rate, sound = read_sound(path, 0.0, SECONDS)
        if len(sound) < 2 * WINDOW * rate:  # one window may be too short once it is resampled
            raise UnreadableClipError(f"{path.name} has only {len(sound) / rate:.3f} s of sound")
        return log_mel(to_wave(sound), rate, self._front_end)

    def forward(self, content: Tensor) -> Tensor:
        """Return the features `[768]` of what was heard, `[1024, 128]`."""
        features: Tensor = self.network(content[None, None])[0]  # [1024, 128] -> [1, 1, 1024, 128]
        return features


def _find_weights(path: Path) -> Path:
    """Return the file of weights that a path names."""
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


def _read_architecture(directory: Path) -> str:
    """Return the name of a vision transformer of timm that config.json gives."""
    path = directory / "config.json"
    try:
        name: str = json_object(path, {"architecture": str})["architecture"]
    except UserError as error:
        raise UserError(
            f"AudioMAE's {path} gives no architecture ({error}); {ACCEPTED}."
        ) from error
    models = import_module("timm.models")
    if not models.is_model_in_modules(name, {"vision_transformer"}):
        raise UserError(f"AudioMAE's {path}: timm has no vision transformer {name!r}; {ACCEPTED}.")
    return name


def _build_network(architecture: str, file: Path) -> nn.Module:
    """Return a vision transformer of timm that averages its patches, in evaluation mode."""
    network: Any = import_module(PACKAGE).create_model(
        architecture,
        pretrained=False,
        img_size=(FRAMES, MELS),
        in_chans=1,
        num_classes=0,
        global_pool="avg",
    )
    network.fc_norm = nn.LayerNorm(network.num_features, eps=1e-6, elementwise_affine=False)
    state = read_safetensors(file, ACCEPTED)
    used = {name: each for name, each in state.items() if not name.startswith(NOT_USED)}
    fit_weights(network, used, f"AudioMAE's weights {file} don't fit {architecture}", ACCEPTED)
    trunk: nn.Module = network
    return trunk
