"""The contract of gradient modulations.

A modulation gathers evidence over the micro-batches of one optimizer step, adds it over the ranks,
computes its factors by a pure function and rewrites gradients, after AMP has unscaled them and
before they are clipped.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from snn_mm.contracts import FUSED, Evidence, Modulated
from snn_mm.errors import UserError

Strength = dict[str, float]
"""Mean true-class probability by modality and for the fusion, over one optimizer step."""


class Modulation(Callback, ABC):
    """Base of every gradient modulation.

    Args:
        start_epoch: first epoch (counted from 0) in which gradients are rewritten.
        end_epoch: last epoch in which they are, included; without it there is no end.
        seed: seed of any noise the modulation draws; without it the run's own seed. The noise
            depends on it and the optimizer step alone: the same on every rank and after a resume.
    """

    name: str
    """Prefix of what the modulation logs."""

    def __init__(
        self, start_epoch: int = 0, end_epoch: int | None = None, seed: int | None = None
    ) -> None:
        if start_epoch < 0 or (end_epoch is not None and end_epoch < start_epoch):
            raise UserError(
                f"{type(self).__name__}: 0 <= start_epoch <= end_epoch, "
                f"got start_epoch={start_epoch}, end_epoch={end_epoch}"
            )
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self.seed = seed
        self.factors: dict[str, float] = {}
        self._pending: list[Evidence] = []

    @abstractmethod
    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Factors by name from the strength of each modality and of the fusion."""

    @abstractmethod
    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Rewrite `.grad` of the parameters this modulation is about."""

    def is_active(self, epoch: int) -> bool:
        """Whether gradients are rewritten in this epoch."""
        return self.start_epoch <= epoch and (self.end_epoch is None or epoch <= self.end_epoch)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modules that leave no evidence or cannot name their parameters."""
        self._modulated(pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget evidence of an optimizer step that was cut off."""
        self._pending.clear()

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the evidence of one micro-batch."""
        evidence = self._modulated(pl_module).evidence
        if evidence is not None:
            self._pending.append(evidence)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Compute the factors of this optimizer step, rewrite gradients and log the factors."""
        pending, self._pending = self._pending, []
        if not pending or not self.is_active(trainer.current_epoch):
            return
        self.factors = self.compute_factors(mean_strength(pending, trainer))
        self.rewrite_gradients(self._modulated(pl_module), self.factors, trainer.global_step)
        named = {f"{self.name}/{key}": value for key, value in self.factors.items()}
        # The ranks agree on the factors; Lightning asks for the reduction all the same.
        pl_module.log_dict(named, on_step=True, on_epoch=True, batch_size=1, sync_dist=True)

    def _modulated(self, module: object) -> Modulated:
        if not isinstance(module, Modulated):
            raise UserError(
                f"{type(self).__name__} cannot modulate {type(module).__name__}: it needs "
                "`evidence`, `modality_parameters` and `fusion_parameters` (see MultimodalModule)"
            )
        return module

    def generator(self, optimizer_step: int, device: torch.device) -> torch.Generator:
        """The source of noise of one optimizer step, the same on every rank."""
        run_seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        seed = run_seed if self.seed is None else self.seed
        generator = torch.Generator(device=device)
        return generator.manual_seed(seed * 1_000_003 + optimizer_step)

    @property
    def state_key(self) -> str:
        """Tells two modulations of one class with different windows apart in a checkpoint."""
        return self._generate_state_key(start_epoch=self.start_epoch, end_epoch=self.end_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The last factors."""
        return {"factors": dict(self.factors)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the last factors."""
        self.factors = dict(state_dict["factors"])


def mean_strength(pending: list[Evidence], trainer: Trainer) -> Strength:
    """Mean true-class probability over all micro-batches and ranks (IEMF Eq. 9).

    One reduction for all sums: the ranks must agree on every factor, or they drift apart.
    """
    names = list(pending[0].true_class)
    rows = [torch.stack([*(e.true_class[n] for n in names), e.samples]) for e in pending]  # [M + 2]
    sums = torch.stack(rows).sum(dim=0)
    if trainer.world_size > 1:
        sums = trainer.strategy.reduce(sums, reduce_op="sum")
    *values, samples = sums.tolist()
    return {name: value / samples for name, value in zip(names, values, strict=True)}


def unimodal_strengths(strength: Strength) -> list[float]:
    """The strengths of the modalities, without the fusion."""
    return [value for name, value in strength.items() if name != FUSED]
