"""Fusions that add up over the modalities: one linear map of all features to logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.fusion.base import Fusion, apply


class Concat(Fusion):
    """Concatenation and one linear classifier (IEMF Eq. 5); any number of modalities.

    Shared unimodal logits are W_m z_m + b / M, so that they sum to the fused logits.
    """

    causal = True

    def __init__(self, feature_dims: dict[str, int], num_classes: int, **options: Any) -> None:
        super().__init__(feature_dims, num_classes, **options)
        self.classifier = nn.Linear(sum(feature_dims.values()), num_classes)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        joined = torch.cat([features[name] for name in self.feature_dims], dim=-1)  # [T, N, ΣD]
        return apply(self.classifier, joined)

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """W_m z_m + b / M, `[T, N, K]`."""
        columns = torch.split(self.classifier.weight, list(self.feature_dims.values()), dim=1)
        weight = columns[list(self.feature_dims).index(modality)]  # [K, D_m]
        bias = self.classifier.bias / len(self.feature_dims)
        return nn.functional.linear(features[modality], weight, bias)


class Sum(Fusion):
    """One linear classifier per modality, logits added; any number of modalities.

    Shared unimodal logits are each modality's summand with its own bias, as in OGM-GE.
    """

    causal = True

    def __init__(self, feature_dims: dict[str, int], num_classes: int, **options: Any) -> None:
        super().__init__(feature_dims, num_classes, **options)
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(dim, num_classes) for name, dim in feature_dims.items()}
        )

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Fused logits `[T, N, K]`; who is absent adds nothing, not even a bias."""
        summands = [self.shared_present(name, features, present) for name in self.feature_dims]
        return torch.stack(summands).sum(dim=0)  # [M, T, N, K] -> [T, N, K]

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """W_m z_m + b_m, `[T, N, K]`."""
        return apply(self.classifiers[modality], features[modality])

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Weights and biases of all classifiers, which are the whole fusion."""
        return self.classifiers.parameters()
