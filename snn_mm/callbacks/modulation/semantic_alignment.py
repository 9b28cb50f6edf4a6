"""The second half of S-CMRL: what modalities add to each other shall mean the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, runtime_checkable

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.functional.semantic_alignment import semantic_alignment_loss
from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.contracts import LossTerms, Presence, StepOutput
from snn_mm.errors import UserError
from snn_mm.losses import weighted_terms
from snn_mm.presence import given, stacked_masks, taken


@runtime_checkable
class HasSemanticFeatures(Protocol):
    """A fusion whose modalities meet in one semantic space, such as `SCMRL`."""

    feature_dims: dict[str, int]

    def semantic_features(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What to align, `[T, N, D]` by modality, with its graph."""
        ...


@dataclass(eq=False)
class SemanticAlignment(LossModulation):
    """Add S-CMRL's semantic alignment loss of the fusion's residuals.

    With more than two modalities it is the sum over pairs, in the order of fusion. The residuals
    are computed a second time from the features of the step, which leaves no running statistics
    and costs another pass through the fusion: a quarter of a step of the quickstart.
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
        aligned = _source(self._module).semantic_features(step.features, *given(step.present))
        losses = [self._contrast(step, aligned, pair) for pair in combinations(aligned, 2)]
        loss = torch.stack(losses).sum()
        self.factors = {"loss": loss.item()}
        return terms | weighted_terms({self.name: self.weight}, lambda _: loss)

    def _contrast(
        self, step: StepOutput, aligned: dict[str, Tensor], pair: tuple[str, str]
    ) -> Tensor:
        """The loss of two modalities `[T, N, D]`, over the samples that have both."""
        there = stacked_masks(step.present, pair)
        rows = None if there is None else there.all(dim=0).nonzero().squeeze(1)
        if rows is not None and not len(rows):
            return aligned[pair[0]].new_zeros(())
        a, b = (taken(aligned[name], rows, dim=1) for name in pair)
        return semantic_alignment_loss(a, b, taken(step.target, rows), self.temperature)


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
