"""WeightAttention: each modality is scaled by a weight that all of them decide."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.errors import check_choice
from snn_mm.fusion.spiking import MixingFusion

Weights = Literal["linear", "softmax"]


class WeightAttention(MixingFusion):
    """z'_m = w_m z_m with w_m = v_mᵀ (W_m [z_m; z_others] + b_m) + c_m, at every time step.

    Liu, Xing, Feng, Tang, Pan, "Event-based multimodal spiking neural network with attention
    mechanism" (ICASSP 2022). Its code is not public; the equation is that of the S-CMRL
    repository's re-implementation, which has no nonlinearity, so that a weight may be negative.
    There the weight is read from features averaged over patches and scales all patches alike:
    with pooled features nothing of that is lost. The weighted features are no spikes, as there.
    Left out: the Spikformer MLP block that follows every method in that repository.

    Args:
        weights: `linear` as above, or their `softmax` over the modalities.
        options: those of `MixingFusion`.
    """

    causal = True

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        weights: Weights = "linear",
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        check_choice("WeightAttention: weights", weights, get_args(Weights))
        self.weights = weights
        total = sum(feature_dims.values())
        self.scorers = nn.ModuleDict(
            {
                n: nn.Sequential(nn.Linear(total, d), nn.Linear(d, 1))
                for n, d in feature_dims.items()
            }
        )

    def modality_weights(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Weights `[T, N, 1]` by modality of features `[T, N, D]`; 0 where it is absent."""
        weights = {
            name: self.on_own(
                name,
                present,
                scorer,
                torch.cat([features[name], self.others(name, features)], dim=-1),
                width=1,
            )
            for name, scorer in self.scorers.items()
        }
        if self.weights == "linear":
            return weights
        scores = torch.stack(
            [
                w.masked_fill(~present[name].unsqueeze(-1), -torch.inf)
                if present and name in present
                else w
                for name, w in weights.items()
            ]
        )
        shares = scores.softmax(dim=0)  # [M, T, N, 1]
        return dict(zip(weights, shares, strict=True))

    def mix(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Weighted features `[T, N, D]` by modality."""
        weights = self.modality_weights(features, present)
        return {name: weights[name] * features[name] for name in self.feature_dims}
