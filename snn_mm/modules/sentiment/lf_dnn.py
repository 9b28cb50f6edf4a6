"""LF-DNN: late fusion by concatenation, the plainest baseline of MMSA."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_mm.modules.sentiment.subnets import LateFusion, score_head

HIDDEN = {"text": 64, "audio": 32, "visual": 64}


class LFDNN(LateFusion):
    """Late fusion: the vectors of all modalities side by side, through two layers to a score.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), but vectors are made of valid
    steps alone: MMSA averages the padding into audio and vision.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        text_out: int = 256,
        dropout: float = 0.4,
        fused_hidden: int = 32,
        fused_dropout: float = 0.4,
    ) -> None:
        super().__init__(feature_dims, max_lengths, hidden, text_out, dropout)
        self.fused_head = score_head(sum(self.widths.values()), fused_hidden, fused_dropout)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused scores `[N]` of vectors `[N, D]` by modality."""
        vectors = [features[name] for name in self.modalities]
        score: Tensor = self.fused_head(torch.cat(vectors, dim=-1))  # M x [N, D] -> [N]
        return score
