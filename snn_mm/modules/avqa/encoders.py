"""What becomes of the features of a video before the question is known.

Sequences in are `[N, L, ...]`, one element a second of the video; features out are `[L, N, D]`. In
the spiking twins the seconds are the time steps of the neurons, T = L: sound and picture are
sequences already, so nothing has to be repeated to make time.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn

from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.modules.avqa.activation import activation
from snn_mm.modules.avqa.grounding import spatial_grounding
from snn_mm.neurons import NeuronFactory, detached_after, reset_neurons


class SoundEncoder(Encoder):
    """Two linear layers on the VGGish features of each second.

    Args:
        in_features: D of the input.
        neuron: makes what stands between the layers; a spiking preset gives the spiking twin.
        feature_dim: D of the features.
    """

    def __init__(
        self, in_features: int = 128, neuron: NeuronFactory = nn.ReLU, feature_dim: int = 512
    ) -> None:
        super().__init__()
        self.in_features, self.feature_dim, self.time_steps = in_features, feature_dim, 1
        self.expand = nn.Linear(in_features, feature_dim)
        self.activation = activation(neuron, feature_dim)
        self.project = nn.Linear(feature_dim, feature_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Features `[L, N, D]` of sound `[N, L, D']`."""
        if x.dim() != 3 or x.shape[-1] != self.in_features:
            raise UserError(
                f"SoundEncoder: the input must be [N, L, {self.in_features}], "
                f"this one is {list(x.shape)}\nSet in_features to what the data module delivers."
            )
        current = self.expand(x).transpose(0, 1)  # [L, N, D]
        features: Tensor = self.project(self.activation(current))
        return features


class FrameEncoder(Encoder):
    """Base of the encoders of frames, which may look where the sound comes from."""

    in_channels: int

    def forward(self, x: Tensor, sound: Tensor | None = None) -> Tensor:
        """Features `[L, N, D]` of maps `[N, L, C, H, W]`, given sound `[L, N, D]`."""
        if x.dim() != 5 or x.shape[2] != self.in_channels:
            raise UserError(
                f"{type(self).__name__}: the input must be [N, L, {self.in_channels}, H, W], "
                f"this one is {list(x.shape)}\nSet its channels to what the data module delivers."
            )
        return self.encode(x, sound)

    @abstractmethod
    def encode(self, x: Tensor, sound: Tensor | None) -> Tensor:
        """What `forward` gives, of a checked input."""


class PooledFrames(FrameEncoder):
    """The mean over the positions of each frame, all that Baseline does; no parameters as an ANN.

    Args:
        in_channels: C of the maps, and D of the features.
        neuron: makes what follows the mean.
    """

    def __init__(self, in_channels: int = 512, neuron: NeuronFactory = nn.Identity) -> None:
        super().__init__()
        self.in_channels = self.feature_dim = in_channels
        self.time_steps = 1
        self.activation = activation(neuron, in_channels)

    def encode(self, x: Tensor, sound: Tensor | None) -> Tensor:
        """Features `[L, N, C]` of maps `[N, L, C, H, W]`; of no use is sound."""
        pooled = x.mean(dim=(-2, -1)).transpose(0, 1)  # [N, L, C] -> [L, N, C]
        features: Tensor = self.activation(pooled)
        return features


class GroundedFrames(FrameEncoder):
    """The mean over positions beside what the sound points at: the spatial grounding of ST-AVQA.

    The match head, which tells a video's own frames from others', trains the grounding and stands
    here, so that a run of the grounding alone initialises both.

    Args:
        channels: C of the maps, D of the sound and D of the features.
        neuron: makes what stands before the layer that joins both; `torch.nn.Tanh` is the original.
        match_neuron: makes what stands between the layers of the match head.
    """

    def __init__(
        self,
        channels: int = 512,
        neuron: NeuronFactory = nn.Tanh,
        match_neuron: NeuronFactory = nn.ReLU,
    ) -> None:
        super().__init__()
        self.in_channels = self.feature_dim = channels
        self.time_steps = 1
        self.activation = activation(neuron, 2 * channels)
        self.combine = nn.Linear(2 * channels, channels)
        self.match = match_head(channels, match_neuron)

    def encode(self, x: Tensor, sound: Tensor | None) -> Tensor:
        """Features `[L, N, C]` of maps `[N, L, C, H, W]` and sound `[L, N, C]`."""
        if sound is None or sound.shape[-1] != self.in_channels:
            width = "no sound" if sound is None else f"sound of width {sound.shape[-1]}"
            raise UserError(
                f"GroundedFrames: needs sound of width {self.in_channels}, got {width}\n"
                "accepted: model.encoders.audio with that feature_dim; PooledFrames needs none"
            )
        grounded, _ = spatial_grounding(sound.transpose(0, 1), x.flatten(3))  # [N, L, C]
        joined = torch.cat([x.mean(dim=(-2, -1)), grounded], dim=-1)  # [N, L, 2C]
        features: Tensor = self.combine(self.activation(joined.transpose(0, 1)))  # [L, N, C]
        return features

    def match_logits(self, sound: Tensor, frames: Tensor) -> Tensor:
        """Logits `[L, N, 2]` of mismatched and matched, of features `[L, N, C]` of both."""
        reset_neurons(self.match)
        with detached_after(self.match):
            logits: Tensor = self.match(torch.cat([sound, frames], dim=-1))
        return logits


def match_head(width: int, neuron: NeuronFactory) -> nn.Sequential:
    """Four linear layers that halve their width, the last with two outputs.

    Args:
        width: D of each modality.
        neuron: makes what stands between the layers.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((2 * width, width, width // 2, width // 4)):
        layers += [nn.Linear(inputs, outputs), activation(neuron, outputs)]
    return nn.Sequential(*layers, nn.Linear(width // 4, 2))
