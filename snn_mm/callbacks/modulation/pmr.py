"""PMR: prototypical modal rebalance."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from snn_mm.callbacks.modulation.base import refuse_tasks, sum_over_ranks
from snn_mm.callbacks.modulation.functional.iemf import gather_evidence
from snn_mm.callbacks.modulation.functional.pmr import (
    PMRForm,
    PMRWeights,
    class_sums,
    mean_entropy,
    pmr_weights,
    prototype_logits,
    updated_prototypes,
)
from snn_mm.callbacks.modulation.functional.ratio import discrepancy_ratios
from snn_mm.callbacks.modulation.gradient import by_modality, counts_of
from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.contracts import LossTerms, StepOutput
from snn_mm.errors import UserError
from snn_mm.losses import over_present
from snn_mm.presence import present_rows, stacked_masks

Tensors = dict[str, Tensor]
"""Features `[N, D]`, prototypes `[K, D]` or logits `[N, K]` by modality."""


@dataclass(eq=False)
class PMR(LossModulation):
    """Pull the features of a modality that lags behind towards prototypes of their class.

    The prototypes of an epoch are the class means of the features of the epoch before (mean over
    time, all ranks), mixed with the prototypes before it; so the first epoch only gathers, and
    nothing happens until every class has occurred. The released code computes them in passes of
    their own over a tenth of the training data, the first one before training.

    A modality that is ahead gets the mean entropy of its prototype prediction as a bonus in the
    first epochs (`paper`), so that it does not converge too early. Class means and the prototype
    losses with their gradients cost 2 to 3 percent of a step of the quickstart (docs/speed.md).

    Args:
        alpha: weight α of the prototypical cross-entropy.
        form: `paper`, weights that grow with the imbalance and an entropy bonus; `released`,
            weights 0 or 1 and no bonus.
        momentum: weight of the old prototypes.
        entropy_weight: weight μ of the entropy bonus.
        entropy_epochs: epochs with the bonus, from the first one on.
        evidence: `batch` judges each forward pass by its own samples, over all ranks, as published;
            `last_step` by all samples of the last optimizer step, so that accumulated
            micro-batches equal one large batch.
    """

    name = "pmr"
    min_modalities = 2

    alpha: float = 1.0
    form: PMRForm = "paper"
    momentum: float = 0.2
    entropy_weight: float = 0.1
    entropy_epochs: int = 10
    evidence: Literal["batch", "last_step"] = "batch"
    _: KW_ONLY
    end_epoch: int | None = 100
    prototypes: Tensors = field(init=False, repr=False, default_factory=dict)
    ratios: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.alpha > 0 or self.entropy_weight < 0:
            raise UserError(
                "PMR: alpha must be positive and entropy_weight not negative, "
                f"got {self.alpha} and {self.entropy_weight}"
            )
        if not 0 <= self.momentum < 1:
            raise UserError(f"PMR.momentum must be in [0, 1), got {self.momentum}")
        self._sums: Tensors = {}
        self._counts: Tensor | None = None
        self._pending: list[Tensor] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Join the module; refuse one whose classes are not all known from the start."""
        super().setup(trainer, pl_module, stage)
        refuse_tasks(pl_module, "PMR", "compares the prototypes of all classes")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to gather anew."""
        self._sums, self._counts, self._pending = {}, None, []

    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        """Add the prototype terms of the modalities."""
        features = {name: value.mean(dim=0) for name, value in step.features.items()}  # [N, D]
        self._gather_classes(features, step)
        logits = {
            name: prototype_logits(features[name], prototypes.to(features[name].device))
            for name, prototypes in self.prototypes.items()
        }
        self._gather_scores(logits, step)
        self.factors = {}
        if not self.ratios:
            return terms
        weights = pmr_weights(self.ratios, self.form)
        self.factors = {
            **by_modality("rho", self.ratios),
            **by_modality("accelerate", weights.accelerate),
            **by_modality("entropy", weights.entropy),
        }
        early = epoch < self.start_epoch + self.entropy_epochs
        return {**terms, **self._prototype_terms(logits, step, weights, early)}

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Judge the next optimizer step by all samples of this one."""
        if self._pending:
            sums = torch.stack(self._pending).sum(dim=0)  # [2, M]
            self._pending = []
            self._judge(sum_over_ranks(sums, trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the prototypes of the next epoch, the same on every rank."""
        if self._counts is None:
            return
        counts = sum_over_ranks(self._counts, trainer)
        if not self.prototypes and bool((counts == 0).any()):
            return
        for (name, sums), count in zip(self._sums.items(), counts, strict=True):
            total = sum_over_ranks(sums, trainer)
            before = self.prototypes.get(name)
            before = None if before is None else before.to(total.device)
            self.prototypes[name] = updated_prototypes(total, count, before, self.momentum)

    def epoch_state(self, trainer: Trainer) -> dict[str, Any]:
        """Sums and counts of this rank's samples by class."""
        return {"sums": self._sums, "counts": self._counts}

    def load_epoch_state(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Go on with them."""
        self._sums, self._counts = state["sums"], state["counts"]
        if self._counts is not None:  # of an earlier release [K], the same for all
            self._counts = self._counts.expand(len(self._sums), -1).clone()

    def _gather_classes(self, features: Tensors, step: StepOutput) -> None:
        target, classes = step.target, self.modulated(self._module).num_classes
        # AMP skips steps that overflow; one of them would leave no prototype of its classes.
        known = torch.stack([value.detach().isfinite().all(1) for value in features.values()])
        known = known.all(0)  # [N]
        there = stacked_masks(step.present, features)
        rated = known.expand(len(features), -1) if there is None else known & there  # [M, N]
        own = rated if there is not None else rated[:1]  # one count where all have all
        counts = class_sums(own.T, target, classes).T.expand(len(features), -1)  # [M, K]
        self._counts = counts if self._counts is None else self._counts + counts
        for (name, value), mask in zip(features.items(), rated, strict=True):
            sums = class_sums(value.masked_fill(~mask.unsqueeze(1), 0.0), target, classes)
            self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    def _gather_scores(self, logits: Tensors, step: StepOutput) -> None:
        if not logits or self._trainer is None:
            return
        found = gather_evidence(logits, step.target, present=step.present)
        sums = torch.stack([*found.sums.values(), *counts_of(found, logits)]).view(2, -1)  # [2, M]
        if self.evidence == "batch":
            self._judge(sum_over_ranks(sums, self._trainer))
        else:
            self._pending.append(sums)

    def _judge(self, sums: Tensor) -> None:
        """Compare sums `[M]` of the modalities, as if as many samples had each; counts follow."""
        values, counts = sums.tolist()
        scores = {
            name: value * (max(counts) / count)  # exactly 1 where all have all
            for name, value, count in zip(self.prototypes, values, counts, strict=True)
            if count
        }
        self.ratios = discrepancy_ratios(scores) if len(scores) > 1 else {}

    def _prototype_terms(
        self, logits: Tensors, step: StepOutput, weights: PMRWeights, early: bool
    ) -> LossTerms:
        terms: LossTerms = {}
        for name in self.ratios:
            value, rows = logits[name], present_rows(step.present, name)
            if pull := self.alpha * weights.accelerate[name]:
                loss = over_present(cross_entropy, rows, value, step.target)
                terms[f"pmr_accelerate_{name}"] = pull * loss
            if early and (bonus := self.entropy_weight * weights.entropy[name]):
                terms[f"pmr_entropy_{name}"] = -bonus * over_present(mean_entropy, rows, value)
        return terms
