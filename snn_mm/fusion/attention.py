"""AVAttention: channels of each modality are gated by what all modalities say together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.errors import UserError, check_choice
from snn_mm.fusion.base import Fusion, common_width
from snn_mm.fusion.linear import Concat

Reads = Literal["features", "gated"]


class AVAttention(Concat):
    """Channel attention: classifier([g_m ⊙ z_m]) with g_m = σ(U_m r + c_m), r = W Σ_m z_m + b.

    The second fusion that IEMF's released code offers (`avattn`), for any number of modalities of
    equal width; the paper does not mention it. It is what a squeeze-and-excitation block is without
    nonlinearity after the reduction, and each time step has gates of its own. Gated spikes
    are no spikes: the classifier multiplies. `classifier` of a modulation's scope is the last layer
    alone, which is what the released IEMF scales.

    What the released code does otherwise is `unimodal_of: gated`: there both the heads and the
    score of OGM-GE, W_m (g_m ⊙ z_m) + b / M, read the gated features, so that a modality's own
    prediction and loss depend on the others. By default a modality is judged by itself, as in
    every fusion here: heads read z_m, and shared logits set the others to zero. LFM's `form: iemf`
    compares the gated features there and those of the encoders here.

    Args:
        reduced_dim: width of r; 64 in the released code, whatever D is (512).
        unimodal_of: what the unimodal logits are made of, a modality's own `features` or its
            `gated` ones (released).
        options: those of `Fusion`.
    """

    causal = True

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        reduced_dim: int = 64,
        unimodal_of: Reads = "features",
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        check_choice("AVAttention: unimodal_of", unimodal_of, get_args(Reads))
        if reduced_dim < 1:
            raise UserError(f"AVAttention: reduced_dim is {reduced_dim}; accepted is at least 1.")
        width = common_width("AVAttention", feature_dims)
        self.unimodal_of = unimodal_of
        self.reduce = nn.Linear(width, reduced_dim)
        self.gates = nn.ModuleDict({name: nn.Linear(reduced_dim, width) for name in feature_dims})

    def unimodal_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Logits `[T, N, K]` of each modality, of its features or its gated ones."""
        if self.unimodal_of == "features":
            return super().unimodal_logits(features, present)
        gated = self.gated(features, present=present)
        if self.heads:
            return super().unimodal_logits(gated, present)
        return {
            name: self.on_own(name, present, partial(self._share, name), x)
            for name, x in gated.items()
        }

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Fused logits `[T, N, K]`."""
        return super().fuse(self.gated(features, present=present))

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """The others set to zero, or of gated features W_m (g_m ⊙ z_m) + b / M; `[T, N, K]`."""
        if self.unimodal_of == "features":
            return Fusion.shared_logits(self, modality, features)
        return self._share(modality, self.gated(features, (modality,))[modality])

    def gated(
        self,
        features: dict[str, Tensor],
        names: Iterable[str] | None = None,
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Features `[T, N, D]` of `names`, or of all, times the gates that all of them open."""
        total = torch.stack([features[name] for name in self.feature_dims]).sum(dim=0)  # [T, N, D]
        reduced = self.reduce(total)  # [T, N, R]
        widths = self.feature_dims
        return {
            name: self.on_own(
                name, present, self.gates[name], reduced, width=widths[name]
            ).sigmoid()
            * features[name]
            for name in names or self.gates
        }

    def _share(self, modality: str, gated: Tensor) -> Tensor:
        """W_m z_m + b / M of gated features `[T, N, D]`, `[T, N, K]`."""
        return super().shared_logits(modality, {modality: gated})
