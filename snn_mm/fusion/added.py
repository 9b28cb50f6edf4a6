"""The fusion of the continual-learning papers: features added, one classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.fusion.base import Fusion, apply, common_width


class Added(Fusion):
    """Features of equal width added, then one linear classifier; any number of modalities.

    What AV-CIL and the continual-learning part of IEMF train. It is not `Sum`, which adds the
    logits of one classifier per modality. Shared unimodal logits are W z_m + b / M, so that they
    sum to the fused logits.
    """

    causal = True

    def __init__(self, feature_dims: dict[str, int], num_classes: int, **options: Any) -> None:
        super().__init__(feature_dims, num_classes, **options)
        self.classifier = nn.Linear(common_width("Added", feature_dims), num_classes)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        total = torch.stack([features[name] for name in self.feature_dims]).sum(dim=0)  # [T, N, D]
        return apply(self.classifier, total)

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """W z_m + b / M, `[T, N, K]`."""
        bias = self.classifier.bias / len(self.feature_dims)
        return nn.functional.linear(features[modality], self.classifier.weight, bias)
