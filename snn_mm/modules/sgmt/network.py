"""SGMT: single-modal networks, a fusion network, and a head on each (Fig. 1)."""

from __future__ import annotations

from typing import Literal, cast, get_args

import torch
from torch import Tensor, distributed, nn

from snn_mm.contracts import FUSED, FUSION_ONLY, Presence
from snn_mm.errors import UserError, check_choice
from snn_mm.modules.sentiment.absence import on_samples
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sgmt.fusion import Absent, FusionNetwork, Merge, make_up
from snn_mm.modules.sgmt.layer import Connection, LayerOptions, SpikingLayer
from snn_mm.presence import present_rows, scattered, taken
from snn_mm.sequences import Padding, Sequence, align_steps

Pooling = Literal["mean", "last"]


class SingleModalNetwork(nn.Module):
    """A shallow projection of the features, and spiking layers without connections.

    Args:
        feature_dim: D of the features.
        width: d_m.
        layers: how many.
        kernel_size: steps that the projection sees, an odd number; 1 is a linear layer.
        options: of all layers.
    """

    def __init__(
        self, feature_dim: int, width: int, layers: int, kernel_size: int, options: LayerOptions
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UserError(f"model.kernel_size must be odd and positive, got {kernel_size}")
        self.projection: nn.Module = nn.Linear(feature_dim, width)
        if kernel_size > 1:
            self.projection = nn.Conv1d(feature_dim, width, kernel_size, padding=kernel_size // 2)
        self.layers = nn.ModuleList(SpikingLayer(width, options) for _ in range(layers))

    def forward(self, x: Tensor, lengths: Tensor) -> Sequence:
        """Encode features `[N, T, D]`, zero beyond their lengths `[N]`, to `[T, N, d_m]`."""
        if isinstance(self.projection, nn.Conv1d):
            coarse = self.projection(x.transpose(1, 2)).permute(2, 0, 1)  # [T, N, d_m]
        else:
            coarse = self.projection(x).transpose(0, 1)  # [N, T, d_m] -> [T, N, d_m]
        sequence = Sequence.of(coarse, lengths)
        for layer in self.layers:
            sequence = layer(sequence)
        return sequence


class SGMT(SentimentNetwork):
    """The spike-generated multimodal transformer.

    Every modality is brought to the same steps and encoded alone; the fusion network works on all
    of them. Heads on the pooled outputs give O_t, O_a and O_v (by modality), O_tav (`fusion_only`)
    and O_m (`fused`, of both networks' outputs side by side). Of a modality that a sample lacks
    they read zeros.

    Args:
        feature_dims: D by modality.
        max_lengths: the longest sequence of the data by modality.
        width: d_m.
        layers: of each single-modal network.
        fusion_layers: of the fusion network.
        steps: T, the length that all modalities are brought to.
        padding: how longer sequences are averaged down, see `snn_mm.sequences.align_steps`.
        pooling: over time, before a head: the mean of the valid steps or the last of them.
        kernel_size: of the projection, for all modalities or by modality.
        merge: how modalities come together in the fusion network.
        options: of all layers.
        connection: of the neurons of the fusion network.
        absent: what stands for a modality that a sample lacks; see `fusion.Absent`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        width: int = 128,
        layers: int = 2,
        fusion_layers: int = 2,
        steps: int = 50,
        padding: Padding = "masked",
        pooling: Pooling = "mean",
        kernel_size: int | dict[str, int] = 1,
        merge: Merge = "features",
        options: LayerOptions | None = None,
        connection: Connection | None = None,
        absent: Absent = "zeros",
    ) -> None:
        super().__init__(feature_dims, max_lengths)
        options, connection = options or LayerOptions(), connection or Connection()
        check_options(width, options.heads, steps, pooling, padding, merge)
        check_choice("model.absent", absent, get_args(Absent))
        self.width, self.steps, self.padding, self.pooling = width, steps, padding, pooling
        for name, dim in feature_dims.items():
            kernel = kernel_size if isinstance(kernel_size, int) else kernel_size.get(name, 1)
            self.encoders[name] = SingleModalNetwork(dim, width, layers, kernel, options)
            self.unimodal_heads[name] = nn.Linear(width, 1)
        self.fusion = FusionNetwork(
            self.modalities, width, fusion_layers, merge, options, connection, absent
        )
        self.fusion_head = nn.Linear(self.fusion.out_width, 1)
        self.fused_head = nn.Linear(width * len(feature_dims) + self.fusion.out_width, 1)

    @property
    def head_modules(self) -> dict[str, nn.Module]:
        """What makes each score, in the order of `heads`."""
        own = dict(self.unimodal_heads.items())
        return {**own, FUSION_ONLY: self.fusion_head, FUSED: self.fused_head}

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` by head, of sequences `[N, L, D]` and lengths `[N]` by modality."""
        aligned, lengths = align_steps(inputs, lengths, self.max_lengths, self.steps, self.padding)
        rows = {name: present_rows(present, name) for name in self.modalities}
        encoded = {
            name: self._encoded(name, aligned[name], lengths[name], rows[name]) for name in rows
        }
        last = self.pooling == "last"
        pooled = {name: sequence.pooled(last) for name, sequence in encoded.items()}  # [N, d_m]
        fused = self.fusion(encoded, present)
        merged = torch.cat([sequence.pooled(last) for sequence in fused], dim=-1)
        scores = {
            name: on_samples(head, rows[name], pooled[name], shape=(self.num_classes or 1,))
            for name, head in self.unimodal_heads.items()
        }
        joint = torch.cat([*pooled.values(), merged], dim=-1)
        if present is not None and self.fusion.absent == "renormalised":
            joint = self._renormalised(pooled, merged, lengths)
        scores[FUSION_ONLY] = self.fusion_head(merged)
        scores[FUSED] = self.fused_head(joint)
        return {name: score.squeeze(-1) for name, score in scores.items()}  # [N, 1] -> [N]

    def _encoded(self, name: str, x: Tensor, lengths: Tensor, rows: Tensor | None) -> Sequence:
        """What a modality's network makes of `[N, T, D]`: `[T, N, d_m]`, zero but for `rows`."""
        encoder = cast("SingleModalNetwork", self.encoders[name])
        if rows is None:
            return cast("Sequence", encoder(x, lengths))
        if len(rows):
            made = encoder(taken(x, rows), taken(lengths, rows)).x
            return Sequence.of(scattered(made, rows, x.shape[0]), lengths)
        if self.training and distributed.is_available() and distributed.is_initialized():
            with torch.no_grad():  # firing rates are of all ranks together: each has to ask
                encoder(x, lengths)
        return Sequence.of(x.new_zeros(x.shape[1], x.shape[0], self.width), lengths)

    def _renormalised(
        self, pooled: dict[str, Tensor], merged: Tensor, lengths: dict[str, Tensor]
    ) -> Tensor:
        """What the fused head reads, `[N, D]`, with the vectors that are there times M / n."""
        factor = make_up(torch.stack([n > 0 for n in lengths.values()], dim=1), merged.dtype)
        pairs = self.fusion.merge == "pairwise"  # those of a modality that is absent are zero
        parts = [*pooled.values(), merged] if pairs else [*pooled.values()]
        made_up = torch.cat(parts, dim=-1) * factor
        return made_up if pairs else torch.cat([made_up, merged], dim=-1)


def check_options(
    width: int, heads: int, steps: int, pooling: str, padding: str, merge: str
) -> None:
    """Refuse options that no network can be made of.

    Raises:
        UserError: names the option and what is accepted.
    """
    if width < 1 or width % heads or steps < 1:
        raise UserError(
            f"model: width is a multiple of heads and steps >= 1; "
            f"got width={width}, heads={heads}, steps={steps}"
        )
    for key, value, accepted in (
        ("pooling", pooling, get_args(Pooling)),
        ("padding", padding, get_args(Padding)),
        ("merge", merge, get_args(Merge)),
    ):
        check_choice(f"model.{key}", value, accepted)
