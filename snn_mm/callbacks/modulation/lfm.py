"""LFM: weigh classification against the gap between modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.base import refuse_tasks, sum_over_ranks
from snn_mm.callbacks.modulation.functional.lfm import (
    BOUNDS,
    divergence,
    fitted_alpha,
    learned_alpha,
    pairwise_divergence,
    present_divergence,
)
from snn_mm.callbacks.modulation.held_out import alpha_derivative, held_out_batch
from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.contracts import FUSED, Batch, LossTerms, StepOutput
from snn_mm.errors import UserError
from snn_mm.losses import weighted_terms
from snn_mm.presence import stacked_masks

Form = Literal["official", "iemf"]
Schedule = Literal["fitted", "learnable"]
Over = Literal["all", "pairs"]

GAP = "lfm"
"""Name of the summand that holds the divergence."""


@dataclass(eq=False)
class LFM(LossModulation):
    """Add the divergence between the modalities' predictions to the loss, weighed over epochs.

    `official`: the fused cross-entropy becomes 2 α1 CE, and 2 α2 JS of the unimodal predictions is
    added, α1 + α2 = 1. The paper's own text has a contrastive gap; its code has this one.
    `iemf`: the term of IEMF's released code, the divergence between softmaxes over the feature
    dimension, KL reversed, weight 1 in every epoch; nothing else changes.

    `learnable` moves α2 once an epoch against the derivative of a held-out loss (first order, one
    step; see `hyper_gradient`), taken on the first validation batch of each rank, in evaluation
    mode and full precision. Second derivatives, which the authors' code takes, would be those of
    surrogate functions in a spiking network.

    Args:
        form: `official` or `iemf`.
        schedule: of α in the official form: `fitted` is the published polynomial of the epoch,
            `learnable` starts at α2 = 0.95 and stays within [0.05, 0.95].
        reverse: whether KL runs from the mixture to the predictions, as in the released codes;
            without it, false in the official and true in the iemf form.
        over: of three and more modalities: one divergence over `all`, or the mean over all `pairs`,
            as BalanceBenchmark has it. The papers and their codes have two.
        alpha_rate: learning rate of α2, halved every 20 epochs.
        held_out_samples: samples of the validation batch: one half stands for the training batch
            of the unrolled step, the other is what it is judged by.
    """

    name = "lfm"
    min_modalities = 2

    form: Form = "official"
    schedule: Schedule = "fitted"
    reverse: bool | None = None
    over: Over = "all"
    alpha_rate: float = 1e-4
    held_out_samples: int = 16
    alpha2: float = field(init=False, default=BOUNDS[1])

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("alpha_rate")
        if self.held_out_samples < 2:
            raise UserError(f"LFM.held_out_samples must be at least 2, got {self.held_out_samples}")
        self.reverse = self.form == "iemf" if self.reverse is None else self.reverse
        self._held_out: Batch | None = None

    @property
    def is_learnable(self) -> bool:
        """Whether α follows a held-out loss."""
        return self.form == "official" and self.schedule == "learnable"

    def gap(self, values: Sequence[Tensor], there: Tensor | None = None) -> Tensor:
        """Divergence between logits `[N, K]` of the modalities, over samples that have several.

        Args:
            values: by modality.
            there: which samples have which modality, bool `[M, N]`; None is all.
        """
        pairs, reverse = self.over == "pairs", bool(self.reverse)
        if there is not None:
            return present_divergence(values, there, pairs, reverse)
        return pairwise_divergence(values, reverse) if pairs else divergence(values, reverse)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Join the module; forget the held-out batch of another fit."""
        super().setup(trainer, pl_module, stage)
        if self.is_learnable:
            refuse_tasks(pl_module, "LFM.schedule: learnable", "keeps one held-out batch")
        self._held_out = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move α2 of the learnable schedule."""
        if not (self.is_learnable and self.is_active(trainer.current_epoch)):
            return
        if self._held_out is None:
            self._held_out = held_out_batch(trainer, self.held_out_samples, "LFM")
        derivative = alpha_derivative(pl_module, self._held_out, self.gap)
        value = torch.tensor(derivative, dtype=torch.float64, device=pl_module.device)
        mean = float(sum_over_ranks(value, trainer)) / trainer.world_size
        rate = self.alpha_rate * 0.5 ** (trainer.current_epoch // 20)
        self.alpha2 = learned_alpha(self.alpha2, mean, rate)

    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        """Weigh the fused cross-entropy and add the divergence."""
        if self.form == "iemf":
            self.factors = {"weight": 1.0}
            there = stacked_masks(step.present, step.features)
            return {**terms, GAP: self.gap(mean_features(step), there)}
        alpha1 = fitted_alpha(epoch) if self.schedule == "fitted" else 1.0 - self.alpha2
        self.factors = {"alpha1": alpha1, "alpha2": 1.0 - alpha1}
        logits = {name: value for name, value in step.logits.items() if name != FUSED}
        there = stacked_masks(step.present, logits)
        weighed = weighted_terms(
            {FUSED: 2.0 * alpha1, GAP: 2.0 * (1.0 - alpha1)},
            lambda name: terms[FUSED] if name == FUSED else self.gap([*logits.values()], there),
        )
        return {**terms, **weighed}


def mean_features(step: StepOutput) -> list[Tensor]:
    """Features `[N, D]` of each modality, the mean over time.

    Raises:
        UserError: the modalities differ in D.
    """
    widths = {name: value.shape[-1] for name, value in step.features.items()}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{name}: {width}" for name, width in widths.items())
        raise UserError(
            f"LFM: form: iemf compares features entry by entry, but widths differ ({listed}).\n"
            "Give every encoder the same feature_dim, or use `form: official`"
        )
    return [value.mean(dim=0) for value in step.features.values()]  # [T, N, D] -> [N, D]
