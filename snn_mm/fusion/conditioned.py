"""Fusions in which one modality is conditioned on all others."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.fusion.base import Fusion, apply, check_several


class _Conditioned(Fusion):
    """A fusion in which one modality is conditioned on all others, concatenated.

    Args:
        conditioned: the modality that the others act on; default the last one.
        options: those of `Fusion`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        conditioned: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        check_several(self)
        self.conditioned = conditioned or list(feature_dims)[-1]
        if self.conditioned not in feature_dims:
            raise UserError(
                f"{type(self).__name__}: conditioned={conditioned!r} is no modality; "
                f"accepted: {', '.join(feature_dims)}"
            )
        self.conditioning = [key for key in feature_dims if key != self.conditioned]
        self.condition_dim = sum(feature_dims[key] for key in self.conditioning)
        self.hidden_dim = feature_dims[self.conditioned]
        self.classifier = nn.Linear(self.hidden_dim, num_classes)
        self.add_layers()

    @abstractmethod
    def add_layers(self) -> None:
        """Build the layers between features and classifier."""

    def condition(self, features: dict[str, Tensor]) -> Tensor:
        """Features of the conditioning modalities side by side, `[T, N, ΣD]`."""
        return torch.cat([features[key] for key in self.conditioning], dim=-1)


class FiLM(_Conditioned):
    """Feature-wise linear modulation: classifier(γ ⊙ z_m + β), γ and β from the other modalities.

    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", Eq. 2. In the
    audio-visual papers audio modulates visual. Shared unimodal logits: the others set to zero.
    """

    causal = True

    def add_layers(self) -> None:
        """The generator of γ and β."""
        self.generator = nn.Linear(self.condition_dim, 2 * self.hidden_dim)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        scale, shift = self.generator(self.condition(features)).chunk(2, dim=-1)  # [T, N, D] each
        return apply(self.classifier, scale * features[self.conditioned] + shift)


class Gated(_Conditioned):
    """Gated fusion: classifier(σ(W_c z_c) ⊙ W_m z_m), the gate from the other modalities.

    Kiela et al., "Efficient Large-Scale Multi-Modal Classification", section 3. In the
    audio-visual papers audio gates visual. Shared unimodal logits: the others set to zero.
    """

    causal = True

    def add_layers(self) -> None:
        """The gate and the value it acts on."""
        self.gate = nn.Linear(self.condition_dim, self.hidden_dim)
        self.value = nn.Linear(self.hidden_dim, self.hidden_dim)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        gate = self.gate(self.condition(features)).sigmoid()  # [T, N, D]
        return apply(self.classifier, gate * self.value(features[self.conditioned]))
