"""LMF: tensor fusion with weights of low rank, so that no product is ever written out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from snn_mm.modules.sentiment.subnets import TEXT, LateFusion
from snn_mm.modules.sentiment.tfn import with_one

HIDDEN = {"text": 64, "audio": 32, "visual": 64}


class LMF(LateFusion):
    """Low-rank fusion: a linear score of every product of the modalities' features.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), but vectors are made of valid
    steps alone, and the weights and the bias of the fusion are trained: MMSA picks what to train by
    position in a list and leaves these two as they were drawn. MMSA sets a dropout after the fusion
    but never applies it; there is none here.

    Source: Liu et al., ACL 2018, arXiv 1806.00064.

    Args:
        hidden: units of each modality's network by modality; the vector of text has half of its.
        rank: of the fusion's weights.
    """

    fused_head: LowRankHead

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        dropout: float = 0.3,
        rank: int = 4,
    ) -> None:
        text_out = hidden.get(TEXT, 0) // 2
        super().__init__(feature_dims, max_lengths, hidden, text_out, dropout)
        self.fused_head = LowRankHead(self.widths, rank)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused scores `[N]` of vectors `[N, D]` by modality."""
        score: Tensor = self.fused_head(features)
        return score


class LowRankHead(nn.Module):
    """Factors by modality, and the weights and the bias of their products.

    Args:
        widths: size of each modality's vector.
        rank: R.
    """

    def __init__(self, widths: dict[str, int], rank: int) -> None:
        super().__init__()
        self.factors = nn.ParameterDict(
            {name: torch.empty(rank, width + 1) for name, width in widths.items()}
        )
        self.weights = nn.Parameter(torch.empty(1, rank))
        self.bias = nn.Parameter(torch.zeros(()))
        for parameter in (*self.factors.values(), self.weights):
            nn.init.xavier_normal_(parameter)

    def widen(self, outputs: int) -> None:
        """Draw weights and biases of K outputs in place of one."""
        self.weights = nn.Parameter(self.weights.new_empty(outputs, self.weights.shape[1]))
        self.bias = nn.Parameter(self.bias.new_zeros(outputs))
        nn.init.xavier_normal_(self.weights)

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Scores `[N]` of vectors `[N, D]` by modality, or of K outputs `[N, K]`."""
        names = list(self.factors)
        factors = [self.factors[name] for name in names]
        weights = self.weights.T if len(self.weights) > 1 else self.weights[0]
        return low_rank_fusion([features[n] for n in names], factors, weights, self.bias)


def low_rank_fusion(
    vectors: Sequence[Tensor], factors: Sequence[Tensor], weights: Tensor, bias: Tensor
) -> Tensor:
    """A linear function of the outer product of all vectors, with weights of low rank.

    y = b + Σ_r w_r Π_m F_m[r] · (1; z_m), which is b + <W, ⊗_m (1; z_m)> with
    W = Σ_r w_r ⊗_m F_m[r]. The paper sums over r with w_r = 1; MMSA has weights in its place.

    Source: Liu et al., ACL 2018, arXiv 1806.00064.

    Args:
        vectors: z_m, `[N, D_m]` each.
        factors: F_m, `[R, D_m + 1]` each.
        weights: w, `[R]`; of K outputs `[R, K]`.
        bias: b, a scalar; of K outputs `[K]`.

    Returns:
        Scores `[N]`; of K outputs `[N, K]`.
    """
    projected = [linear(with_one(z), factor) for z, factor in zip(vectors, factors, strict=True)]
    return reduce(mul, projected) @ weights + bias  # M x [N, R] -> [N]
