"""The trunk of audio-visual class-incremental learning: audio chooses where and when to look.

Visual tokens of a video transformer are pooled over the places of each frame, then over frames, by
attention that audio guides channel by channel (AV-CIL: Pian et al., "Audio-Visual Class-Incremental
Learning"; `IncreAudioVisualNet` in weiguoPian/AV-CIL_ICCV2023 and Brain-Cog-Lab/IEMF).

The spiking twin is our own, as nobody has one. Both projections drive neurons for T steps, and
firing rates in [0, 1] take the place of tanh in the scores. Tokens themselves are pooled as they
are, real numbers that no spike carries, and the pooled features drive the neurons that the
classifier sees: it reads spikes alone.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from snn_mm.errors import UserError
from snn_mm.modules.continual.distillation import AttentionMaps
from snn_mm.neurons import NeuronFactory, StartsAtRest, detached_after, is_spiking, reset_neurons

AUDIO, VISUAL = "audio", "visual"


def spatial_attention(audio: Tensor, visual: Tensor) -> Tensor:
    """Where to look: softmax of P_v ⊙ P_a over the places of each frame, `[N, L, S, D]`.

    Args:
        audio: projected audio P_a, `[N, D]`.
        visual: projected tokens P_v, `[N, L, S, D]`.
    """
    return (visual * audio[:, None, None]).softmax(dim=2)


def temporal_attention(audio: Tensor, frames: Tensor) -> Tensor:
    """When to look: softmax of P_f ⊙ P_a over the frames, `[N, L, D]`.

    Args:
        audio: projected audio P_a, `[N, D]`.
        frames: P_f, projected tokens pooled by the spatial attention, `[N, L, D]`.
    """
    return (frames * audio[:, None]).softmax(dim=1)


class TrunkOutput(NamedTuple):
    """What the trunk makes of a batch.

    Attributes:
        features: `[T, N, D]` by modality.
        attention: its maps where they were asked for.
    """

    features: dict[str, Tensor]
    attention: AttentionMaps | None


class Branch(nn.Module):
    """What belongs to one modality: the projection that attends, and the one that classifies.

    Args:
        in_dim: D of the input.
        attention_dim: width of the projection that attends.
        feature_dim: width of the features.
        neuron: makes neurons; None is the ANN: tanh on the first projection, and on the second
            ReLU or nothing.
        time_steps: T.
        relu: whether the ANN's features end in ReLU.
    """

    def __init__(
        self,
        in_dim: int,
        attention_dim: int,
        feature_dim: int,
        neuron: NeuronFactory | None,
        time_steps: int,
        relu: bool,
    ) -> None:
        super().__init__()
        self.time_steps = time_steps
        self.attention = nn.Linear(in_dim, attention_dim)
        self.attention_neuron = nn.Tanh() if neuron is None else neuron()
        self.projection = nn.Linear(in_dim, feature_dim)
        without = nn.ReLU() if relu else nn.Identity()
        self.neuron = without if neuron is None else neuron()

    def attend(self, x: Tensor) -> Tensor:
        """What scores are made of, `[..., D]` of an input `[..., D']`: tanh, or firing rates."""
        reset_neurons(self.attention_neuron)  # it runs once for each part of the frames
        with detached_after(self.attention_neuron):  # also where a backward pass runs it again
            return self._over_time(self.attention(x), self.attention_neuron).mean(dim=0)

    def features(self, x: Tensor) -> Tensor:
        """Features `[T, N, D]` of an input `[N, D']`."""
        return self._over_time(self.projection(x), self.neuron)

    def _over_time(self, current: Tensor, neuron: nn.Module) -> Tensor:
        """What neurons make of one current `[..., D]` for T steps, `[T, ..., D]`."""
        spikes: Tensor = neuron(current.expand(self.time_steps, *current.shape))
        return spikes


class DualAttention(StartsAtRest):
    """Audio-guided spatial and temporal attention over visual tokens.

    Everything it owns belongs to one modality (`encoders`), so that parameters, firing rates and
    operations are listed by modality as those of any two encoders.

    VideoMAE's tokens take 4.8 MB a sample in float32, and projection and attention as much each: on
    top of the tokens a training step peaks at six times their size, 7.4 GB at batch 256, the
    spiking twin at ten times with T = 4. With `frames_at_once` frames are attended to in parts that
    are computed again in the backward pass: the same numbers for less than half of it.

    Args:
        audio_dim: D of the audio feature.
        visual_dim: D of a visual token; attention has a map for each of its channels.
        feature_dim: D of the features of both modalities.
        frames: L, the frames that the tokens come from; VideoMAE has 8 pairs of them.
        neuron: makes neurons; None is the ANN of the paper.
        time_steps: T, of the spiking twin.
        relu: whether the ANN's features end in ReLU: AV-CIL's original has it, IEMF's copy has not.
        frames_at_once: frames that attention is computed for together; None is all.
    """

    def __init__(
        self,
        audio_dim: int = 768,
        visual_dim: int = 768,
        feature_dim: int = 768,
        frames: int = 8,
        neuron: NeuronFactory | None = None,
        time_steps: int = 1,
        relu: bool = False,
        frames_at_once: int | None = None,
    ) -> None:
        super().__init__()
        self.dims = {AUDIO: audio_dim, VISUAL: visual_dim}
        self.feature_dims = dict.fromkeys(self.dims, feature_dim)
        self.frames, self.time_steps = frames, time_steps
        self.frames_at_once = frames if frames_at_once is None else frames_at_once
        self.encoders = nn.ModuleDict(
            {
                name: Branch(dim, visual_dim, feature_dim, neuron, time_steps, relu)
                for name, dim in self.dims.items()
            }
        )
        self._check_options(neuron, relu)
        functional.set_step_mode(self, "m")

    def forward(self, inputs: dict[str, Tensor], keep_attention: bool = False) -> TrunkOutput:
        """Features, and attention maps where they are asked for.

        Args:
            inputs: `audio` `[N, D]` and `visual` tokens `[N, L*S, D]`, frame by frame.
            keep_attention: whether to return the maps, which take as much memory as the tokens.
        """
        self._check_inputs(inputs)
        audio, visual = inputs[AUDIO], inputs[VISUAL]
        tokens = visual.reshape(visual.shape[0], self.frames, -1, self.dims[VISUAL])  # [N, L, S, D]
        guide = self._branch(AUDIO).attend(audio)  # [N, D]
        frames, values, spatial = self._pool_places(guide, tokens, keep_attention)
        temporal = temporal_attention(guide, frames)
        pooled = (temporal * values).sum(dim=1)  # [N, L, D] -> [N, D]
        features = {
            AUDIO: self._branch(AUDIO).features(audio),
            VISUAL: self._branch(VISUAL).features(pooled),
        }
        return TrunkOutput(features, None if spatial is None else AttentionMaps(spatial, temporal))

    def _pool_places(
        self, guide: Tensor, tokens: Tensor, keep_attention: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Projected tokens and tokens pooled over places, `[N, L, D]` each, and the spatial map."""
        parts = torch.split(tokens, self.frames_at_once, dim=1)  # [N, l, S, D] each
        again = len(parts) > 1 and torch.is_grad_enabled()
        pooled = [
            checkpoint(self._pool_part, guide, part, keep_attention, use_reentrant=False)
            if again
            else self._pool_part(guide, part, keep_attention)
            for part in parts
        ]
        frames, values, spatial = zip(*pooled, strict=True)
        maps = torch.cat(spatial, dim=1) if keep_attention else None  # [N, L, S, D]
        return torch.cat(frames, dim=1), torch.cat(values, dim=1), maps

    def _pool_part(
        self, guide: Tensor, tokens: Tensor, keep_attention: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        projected = self._branch(VISUAL).attend(tokens)  # [N, L, S, D]
        spatial = spatial_attention(guide, projected)
        frames = (spatial * projected).sum(dim=2)  # [N, L, S, D] -> [N, L, D]
        values = (spatial * tokens).sum(dim=2)  # [N, L, S, D] -> [N, L, D]
        return frames, values, spatial if keep_attention else None

    def _branch(self, modality: str) -> Branch:
        return cast(Branch, self.encoders[modality])

    def _check_options(self, neuron: NeuronFactory | None, relu: bool) -> None:
        if self.time_steps < 1 or self.frames < 1 or not self._divides_frames():
            raise UserError(
                "DualAttention: time_steps and frames are at least 1, frames_at_once divides "
                f"frames; got {self.time_steps}, {self.frames} and {self.frames_at_once}"
            )
        if neuron is not None and (relu or not is_spiking(self)):
            raise UserError(
                "DualAttention: neuron makes spiking neurons, and relu is for the ANN: "
                "give one of the two, or neither for features without a nonlinearity"
            )
        if neuron is None and self.time_steps > 1:
            raise UserError(
                f"DualAttention: without spiking neurons all {self.time_steps} time steps compute "
                "the same features; set time_steps: 1, or a neuron"
            )

    def _divides_frames(self) -> bool:
        return self.frames_at_once >= 1 and self.frames % self.frames_at_once == 0

    def _check_inputs(self, inputs: dict[str, Tensor]) -> None:
        missing = [name for name in self.dims if name not in inputs]
        if missing:
            raise UserError(f"DualAttention: no input {missing[0]!r}; it needs audio and visual")
        audio, visual = inputs[AUDIO], inputs[VISUAL]
        if audio.dim() != 2 or audio.shape[1] != self.dims[AUDIO]:
            raise UserError(
                f"DualAttention: audio must be [N, {self.dims[AUDIO]}], not {list(audio.shape)}"
            )
        wrong = visual.dim() != 3 or visual.shape[2] != self.dims[VISUAL]
        if wrong or not visual.shape[1] or visual.shape[1] % self.frames:
            raise UserError(
                f"DualAttention: visual must be [N, a multiple of {self.frames} tokens, "
                f"{self.dims[VISUAL]}], not {list(visual.shape)}"
            )
