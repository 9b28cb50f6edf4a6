"""The second half of S-CMRL: what modalities add to each other shall mean the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, runtime_checkable

import torch
from lightning import LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import log_softmax

from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.contracts import LossTerms, StepOutput
from snn_mm.errors import UserError
from snn_mm.losses import weighted_terms


def semantic_alignment_loss(
    first: Tensor, second: Tensor, target: Tensor, temperature: float = 0.07
) -> Tensor:
    """Contrast of two modalities in which all samples of a class are positives (S-CMRL's L_sao).

    L = -1/N² Σ_ij [y_i = y_j] log softmax_j(a_i · b_j / τ), with a and b averaged over time and not
    normalised, and the softmax over the second modality alone, as in the published code.

    Source: He et al., arXiv 2502.12488, and `class_contrastive_loss` of its repository.

    Args:
        first: `[T, N, D]`.
        second: `[T, N, D]`.
        target: class indices `[N]`.
        temperature: τ > 0; the authors' commands have 0.07 for CREMA-D, 0.08 for UrbanSound8K-AV.

    Returns:
        A scalar in nats.
    """
    a, b = first.mean(dim=0), second.mean(dim=0)  # [N, D]
    log_probability = log_softmax(a @ b.T / temperature, dim=-1)  # [N, N]
    same_class = target.unsqueeze(0) == target.unsqueeze(1)  # [N, N]
    return -(log_probability * same_class).mean()


@runtime_checkable
class HasSemanticFeatures(Protocol):
    """A fusion whose modalities meet in one semantic space, such as `SCMRL`."""

    feature_dims: dict[str, int]

    def semantic_features(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """What to align, `[T, N, D]` by modality, with its graph."""
        ...


@dataclass(eq=False)
class SemanticAlignment(LossModulation):
    """Add S-CMRL's semantic alignment loss of the fusion's residuals.

    With more than two modalities it is the sum over pairs, in the order of fusion. The residuals
    are computed a second time from the features of the step, which leaves no running statistics.
    Each rank contrasts the samples of its own batch.

    Args:
        weight: weight of the loss; 1 in the paper.
        temperature: τ; see `semantic_alignment_loss`.
    """

    name = "semantic_alignment"

    weight: float = 1.0
    temperature: float = 0.07

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight < 0 or self.temperature <= 0:
            raise UserError(
                "SemanticAlignment: 0 <= weight and 0 < temperature, "
                f"got weight={self.weight}, temperature={self.temperature}"
            )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse fusions without a common semantic space."""
        super().setup(trainer, pl_module, stage)
        _source(pl_module)

    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        """Add the loss as a summand of its own."""
        aligned = _source(self._module).semantic_features(step.features)
        losses = [
            semantic_alignment_loss(a, b, step.target, self.temperature)
            for a, b in combinations(aligned.values(), 2)
        ]
        loss = torch.stack(losses).sum()
        self.factors = {"loss": loss.item()}
        return terms | weighted_terms({self.name: self.weight}, lambda _: loss)


def _source(module: LightningModule | None) -> HasSemanticFeatures:
    fusion = getattr(module, "fusion", None)
    if not isinstance(fusion, HasSemanticFeatures):
        raise UserError(
            f"SemanticAlignment: model.fusion {type(fusion).__name__} has no semantic features; "
            "accepted: SCMRL"
        )
    if len(set(fusion.feature_dims.values())) > 1:
        raise UserError("SemanticAlignment: all modalities need one feature_dim")
    return fusion
