"""A fusion of one's own: what fires together counts. Run it with own_fusion.yaml."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from snn_mm.fusion import Fusion


class Coincidence(Fusion):
    """One linear classifier of the sum of all features, and of their product: coincident spikes.

    Args:
        feature_dims: D of each modality, by name; all alike.
        num_classes: K.
        unimodal: where the unimodal logits come from: `heads`, or `shared`, the fused classifier
            with the features of all others zero.
    """

    def __init__(
        self, feature_dims: dict[str, int], num_classes: int, unimodal: str = "heads"
    ) -> None:
        super().__init__(feature_dims, num_classes, unimodal)  # type: ignore[arg-type]
        (width,) = set(feature_dims.values())
        self.classifier = nn.Linear(2 * width, num_classes)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]` of features `[T, N, D]` by modality."""
        stacked = torch.stack([features[name] for name in self.feature_dims])  # [M, T, N, D]
        joined = torch.cat([stacked.sum(dim=0), stacked.prod(dim=0)], dim=-1)  # [T, N, 2 D]
        logits: Tensor = self.classifier(joined)
        return logits

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """What a modulation of the fused classifier rewrites."""
        return self.classifier.parameters()
