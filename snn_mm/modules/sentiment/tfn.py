"""TFN: the outer product of all modalities' vectors (tensor fusion network)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import pad

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.subnets import LateFusion, score_head

HIDDEN = {"text": 128, "audio": 32, "visual": 128}


class TFN(LateFusion):
    """Tensor fusion: every product of the modalities' features, through two layers to a score.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), but vectors are made of valid
    steps alone. MMSA squashes the score to (-3, 3) also where labels lie in [-1, 1]; here the range
    is an option, and none by default.

    Source: Zadeh et al., EMNLP 2017, arXiv 1707.07250.

    Args:
        output_range: bounds between which a sigmoid keeps the fused score; null for a linear score.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        text_out: int = 128,
        dropout: float = 0.3,
        fused_hidden: int = 32,
        fused_dropout: float = 0.5,
        output_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(feature_dims, max_lengths, hidden, text_out, dropout)
        self.output_range = checked_range(output_range)
        products = prod(width + 1 for width in self.widths.values())
        self.fused_head = score_head(products, fused_hidden, fused_dropout)

    def classify(self, num_classes: int) -> None:
        """Give every head a logit for each class.

        Raises:
            UserError: scores are to lie in a range.
        """
        if self.output_range is not None:
            raise UserError("model.network.output_range is of scores; accepted of classes: null")
        super().classify(num_classes)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused scores `[N]` of vectors `[N, D]` by modality."""
        products = tensor_fusion([features[name] for name in self.modalities])
        score: Tensor = self.fused_head(products)
        return score if self.output_range is None else squashed(score, self.output_range)


def tensor_fusion(vectors: Sequence[Tensor]) -> Tensor:
    """Every product of features of all modalities, (1; z_1) ⊗ (1; z_2) ⊗ ... ⊗ (1; z_M).

    The ones keep products of fewer modalities, down to single features, among them.

    Source: the tensor fusion layer of Zadeh et al., EMNLP 2017, arXiv 1707.07250.

    Args:
        vectors: z_m, `[N, D_m]` each.

    Returns:
        `[N, Π (D_m + 1)]`, the last modality's index running fastest.
    """
    return reduce(_outer, map(with_one, vectors))


def with_one(vectors: Tensor) -> Tensor:
    """Vectors `[N, D]` with a one before each, `[N, D + 1]`."""
    return pad(vectors, (1, 0), value=1.0)


def squashed(score: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Scores of any shape between two bounds, low + (high - low) / (1 + exp(-score))."""
    low, high = bounds
    return low + (high - low) * torch.sigmoid(score)


def checked_range(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    """The bounds.

    Raises:
        UserError: the first is not below the second.
    """
    if bounds is not None and not bounds[0] < bounds[1]:
        raise UserError(
            f"model.network.output_range is {list(bounds)}; "
            "accepted: null, or two numbers of which the first is less"
        )
    return bounds


def _outer(first: Tensor, second: Tensor) -> Tensor:
    """All products of `[N, A]` and `[N, B]`."""
    return (first.unsqueeze(2) * second.unsqueeze(1)).flatten(1)  # [N, A, B] -> [N, A·B]
