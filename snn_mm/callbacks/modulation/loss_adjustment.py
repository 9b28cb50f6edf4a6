"""The modulation factors of TAAF's balanced fusion loss (Eq. 10)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.base import accuracies, epoch_of, sum_over_ranks
from snn_mm.callbacks.modulation.functional.iemf import true_class_probability
from snn_mm.callbacks.modulation.functional.loss_adjustment import attention_factors
from snn_mm.callbacks.modulation.functional.ogm_ge import ogm_coefficients
from snn_mm.callbacks.modulation.functional.ratio import discrepancy_ratios, ratios_of_steps
from snn_mm.callbacks.modulation.gradient import by_modality
from snn_mm.callbacks.modulation.loss import LossModulation
from snn_mm.contracts import FusionOutput, LossTerms, ScoresTimeSteps, StepOutput
from snn_mm.errors import UserError
from snn_mm.losses import weighted_terms
from snn_mm.presence import stacked_masks

AfterEnd = Literal["k_one", "drop_unimodal"]
Level = Literal["batch", "validation"]
Scored = Literal["mean", "readout"]
Alpha = float | Literal["attention"]


@runtime_checkable
class WeighsTimeSteps(ScoresTimeSteps, Protocol):
    """A module whose loss is a sum over time steps, each with an attention score."""

    def time_weighted_terms(
        self, output: FusionOutput, target: Tensor, factors: dict[str, Tensor]
    ) -> LossTerms:
        """The summands of the loss with factors `[T, N]` by modality on each time step."""
        ...


def check_strength(alpha: Alpha, level: str) -> None:
    """Refuse a strength that is negative, no number, or has no time steps to act on."""
    if alpha == "attention":
        if level != "batch":
            raise UserError(
                "LossAdjustment: alpha attention has a ratio per time step: level batch"
            )
    elif not isinstance(alpha, (int, float)) or alpha < 0:
        raise UserError(f"LossAdjustment: alpha is {alpha!r}; accepted: 0 or more, attention")


@dataclass(eq=False)
class LossAdjustment(LossModulation):
    """Weigh the loss of the dominant modality down by k = 1 - tanh(α ρ) (TAAF, before Eq. 10).

    The contribution ratio ρ of a modality is its summed true-class probability over that of the
    other one (the mean of the others, if there are more); k is 1 where ρ <= 1. Sums run over the
    batches of all ranks. The factors carry no gradient. They multiply losses, not gradients: where
    modalities share a classifier, k also scales the part of a unimodal loss that reaches it.

    With gradient accumulation each micro-batch has factors of its own.

    Args:
        alpha: α_u of the paper, how strongly a dominant modality is held back; not printed,
            OGM-GE's 0.8 on CREMA-D, with which ρ = 2 leaves k = 0.08 of a loss. `attention`: the
            scores that the paper writes with the same letter, so that every time step has a k and
            a ρ of its own (`attention_factors`).
        level: ρ of each `batch` (the text) or of the last `validation` epoch (Algorithm 1, line
            11), from the accuracies.
        scored: logits behind ρ: the `mean` over time, or the module's `readout`.
        after_end: what holds after `end_epoch`: every k is 1, or the unimodal losses are dropped;
            the paper says that the modulation ends (180 for CREMA-D, 70 for AVE).
    """

    name = "loss_adjustment"
    min_modalities = 2

    alpha: Alpha = 0.8
    level: Level = "batch"
    scored: Scored = "mean"
    after_end: AfterEnd = "k_one"
    validation: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_strength(self.alpha, self.level)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Join the module; refuse one without time steps that could have a k each."""
        super().setup(trainer, pl_module, stage)
        if self.alpha == "attention" and not isinstance(pl_module, WeighsTimeSteps):
            raise UserError(
                "trainer.callbacks: LossAdjustment with alpha attention needs a module whose loss "
                f"has attention scores, such as TAAFModule; {type(pl_module).__name__} has none"
            )

    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        """Multiply the loss of each modality, or each of its time steps, by its k."""
        if self.alpha == "attention":
            return self._rewrite_time_steps(terms, step)
        strength = self._batch_strength(step) if self.level == "batch" else self.validation
        if len(strength) < 2:  # before the first validation, or of one modality alone
            self.factors = {}
            return terms
        ratios = discrepancy_ratios(strength)
        k = ogm_coefficients(ratios, float(self.alpha))
        self.factors = {**by_modality("k", k), **by_modality("rho", ratios)}
        weights = {name: k.get(name, 1.0) for name in terms}
        return weighted_terms(weights, terms.__getitem__)

    def _rewrite_time_steps(self, terms: LossTerms, step: StepOutput) -> LossTerms:
        """Weigh every time step of each unimodal loss; the factors logged are means over time."""
        module: object = self._module
        if not isinstance(module, WeighsTimeSteps):
            return terms
        sums, counts = self._summed_probability(step.output.unimodal, step)  # [M, T], [M]
        ratios = ratios_of_steps(sums, counts > 0)
        scores = module.scores(step.output)
        names = step.output.unimodal
        k = {name: attention_factors(own, scores[name]) for name, own in zip(names, ratios)}
        self.factors = self._mean_factors(k, ratios, counts, step)
        weighted = module.time_weighted_terms(step.output, step.target, k)
        return {name: weighted[name] if name in k else term for name, term in terms.items()}

    def _mean_factors(
        self, k: dict[str, Tensor], ratios: Tensor, counts: Tensor, step: StepOutput
    ) -> dict[str, float]:
        """Means of k `[T, N]` over time and the samples of all ranks, and of ρ `[M, T]`."""
        each = torch.stack([value.to(ratios).mean(dim=0) for value in k.values()])  # [M, N]
        there = stacked_masks(step.present, k)
        if there is not None:
            each = each.masked_fill(~there, 0.0)
        means = self._over_ranks(each.sum(dim=1)) / counts  # [M]
        # Of all modalities at once: each look at a number waits for the GPU.
        rows = zip(k, *torch.stack([means, ratios.mean(dim=1), counts]).tolist())
        found = {name: (mean, rho) for name, mean, rho, count in rows if count}
        if len(found) < 2:  # nothing to balance
            return {}
        prefixes = ("k", "rho")
        return {f"{prefixes[i]}_{name}": of[i] for i in range(2) for name, of in found.items()}

    def modulate_loss(self, terms: LossTerms, step: StepOutput) -> LossTerms:
        """Rewrite the summands within the window; drop the unimodal ones behind it if asked to."""
        if self.after_end == "drop_unimodal" and self._has_ended():
            return {n: term for n, term in terms.items() if n not in step.output.unimodal}
        return super().modulate_loss(terms, step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the accuracies that factors of the level `validation` are made of."""
        if trainer.sanity_checking or self.level != "validation":
            return
        names = self.modulated(pl_module).modalities
        found = accuracies(trainer, "val", names, "LossAdjustment: level validation")
        self.validation = {n: value for n, value in found.items() if not math.isnan(value)}

    def _batch_strength(self, step: StepOutput) -> dict[str, float]:
        """Summed true-class probability by modality, of those that some sample of a rank has."""
        scored = {name: step.logits[name] for name in step.output.unimodal}
        if self.scored == "mean":
            scored = {name: value.mean(dim=0) for name, value in step.output.unimodal.items()}
        sums = torch.stack(self._summed_probability(scored, step))  # [2, M]
        return {name: value for name, value, count in zip(scored, *sums.tolist()) if count}

    def _summed_probability(
        self, scored: dict[str, Tensor], step: StepOutput
    ) -> tuple[Tensor, Tensor]:
        """True-class probability of `[..., N, K]`, summed over samples and ranks to `[M, ...]`.

        And the number of samples, `[M]`. Of a modality that fewer have, the sum is as if all had
        it. One reduction, whatever the samples of this rank lack, and no look at the device.
        """
        logits = torch.stack(list(scored.values()))  # [M, ..., N, K]
        true_class = true_class_probability(logits, step.target.expand(logits.shape[:-1]))
        there = stacked_masks(step.present, scored)
        counts = true_class.new_full((len(scored),), len(step.target), dtype=torch.float64)
        if there is not None:
            wide = there.view(len(there), *[1] * (true_class.dim() - 2), -1)  # [M, ..., N]
            true_class, counts = true_class.masked_fill(~wide, 0.0), there.sum(dim=1).double()
        sums = true_class.double().sum(dim=-1)  # [M, ...]
        both = torch.cat([sums.reshape(len(sums), -1), counts.unsqueeze(1)], dim=1)
        both = self._over_ranks(both)
        sums, counts = both[:, :-1].reshape(sums.shape), both[:, -1]
        scale = counts.max() / counts.clamp_min(1)  # exactly 1 where all have all
        return sums * scale.view(-1, *[1] * (sums.dim() - 1)), counts

    def _over_ranks(self, sums: Tensor) -> Tensor:
        return sums if self._trainer is None else sum_over_ranks(sums, self._trainer)

    def _has_ended(self) -> bool:
        trainer, module = self._trainer, self._module
        if trainer is None or module is None or self.end_epoch is None:
            return False
        return epoch_of(trainer, module) > self.end_epoch
