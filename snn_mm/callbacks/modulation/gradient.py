"""The contract of gradient modulations.

A gradient modulation gathers evidence over the micro-batches of one optimizer step, adds it over
the ranks, computes its factors by a pure function and rewrites gradients, after AMP has unscaled
them and before they are clipped.
"""

from __future__ import annotations

import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from lightning import LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from snn_mm.callbacks.modulation.base import Modulation, epoch_of, sum_over_ranks
from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, generalisation_noise
from snn_mm.contracts import FUSED, Evidence, Modulated, StepOutput

Strength = dict[str, float]
"""Mean evidence by modality and for the fusion, over one optimizer step."""


@dataclass(eq=False)
class GradientModulation(Modulation, ABC):
    """Base of every modulation that rewrites gradients."""

    _pending: list[Evidence] = field(init=False, repr=False, default_factory=list)

    def gather(self, module: Modulated, step: StepOutput) -> Evidence:
        """Evidence of one micro-batch: the true-class probability of each prediction (Eq. 9)."""
        return gather_evidence(step.logits, step.target, present=step.present)

    @abstractmethod
    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Factors by name from the mean of what was gathered.

        A modality that no sample of the optimizer step had is not in `strength`: it has no factor,
        and its gradients, if any, are left as they are.
        """

    @abstractmethod
    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Rewrite `.grad` of the parameters this modulation is about."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modules that can't be modulated, and start without evidence."""
        super().setup(trainer, pl_module, stage)
        self._pending.clear()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget evidence of an optimizer step that was cut off."""
        self._pending.clear()

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the evidence of one micro-batch."""
        module = self.modulated(pl_module)
        if module.step is not None and self.is_active(epoch_of(trainer, pl_module)):
            self._pending.append(self.gather(module, module.step))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Compute the factors of this optimizer step, rewrite gradients and log the factors."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        if strength := mean_strength(pending, trainer):
            self.apply_factors(trainer, pl_module, self.compute_factors(strength))

    def apply_factors(
        self, trainer: Trainer, pl_module: LightningModule, factors: dict[str, float]
    ) -> None:
        """Rewrite gradients by these factors and log them."""
        self.factors = factors
        self.rewrite_gradients(self.modulated(pl_module), factors, trainer.global_step)
        self.log_factors(pl_module)


@dataclass(eq=False, kw_only=True)
class NoisyGradientModulation(GradientModulation, ABC):
    """Base of those that may add noise to gradients.

    Args:
        seed: seed of the noise; without it the run's own seed. The noise depends on it and the
            optimizer step alone: the same on every rank and after a resume.
    """

    seed: int | None = None

    def generator(self, optimizer_step: int, device: torch.device) -> torch.Generator:
        """The source of noise of one optimizer step: the same on every rank, own to each class."""
        run_seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        seed = run_seed if self.seed is None else self.seed
        generator = torch.Generator(device=device)
        own = zlib.crc32(self.name.encode()) * 2**31
        return generator.manual_seed(own + seed * 1_000_003 + optimizer_step)


def scale_gradients(
    gradients: Iterable[Tensor], factor: float, generator: torch.Generator | None = None
) -> None:
    """Multiply gradients of any shape by a factor, in place; add noise if there is a source."""
    for gradient in gradients:
        # Drawn before the scaling: its deviation is that of the raw gradient.
        noise = None if generator is None else generalisation_noise(gradient, generator)
        gradient.mul_(factor)
        if noise is not None:
            gradient.add_(noise)


def modality_gradients(module: Modulated, modality: str) -> list[Tensor]:
    """Gradients of a modality's parameters, those that have one."""
    gradients = (parameter.grad for parameter in module.modality_parameters(modality))
    return [gradient for gradient in gradients if gradient is not None]


def by_modality(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """Values by modality as factors: `{"audio": 1}` as `{"k_audio": 1}`."""
    return {f"{prefix}_{name}": value for name, value in values.items()}


def mean_strength(pending: list[Evidence], trainer: Trainer) -> Strength:
    """Mean evidence over all micro-batches and ranks (IEMF Eq. 9), of what any sample has.

    One reduction for all sums and counts, whether this rank's samples lack a modality or not: the
    ranks must agree on every factor, or they drift apart.
    """
    names = list(pending[0].sums)
    rows = [torch.stack([e.sums[n] for n in names] + counts_of(e, names)) for e in pending]
    sums = sum_over_ranks(torch.stack(rows).sum(dim=0), trainer)  # [2 (M + 1)]
    values, counts = sums.view(2, -1).tolist()
    found = zip(names, values, counts, strict=True)
    return {name: value / count for name, value, count in found if count}


def counts_of(evidence: Evidence, names: Iterable[str]) -> list[Tensor]:
    """Number of samples behind each sum, scalars."""
    counts = evidence.counts or {}
    return [counts.get(name, evidence.samples) for name in names]


def unimodal_strengths(strength: Strength) -> list[float]:
    """The strengths of the modalities, without the fusion."""
    return [value for name, value in strength.items() if name != FUSED]
