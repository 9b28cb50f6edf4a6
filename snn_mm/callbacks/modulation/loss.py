"""The contract of modulations that act on the summands of the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lightning import LightningModule, Trainer

from snn_mm.callbacks.modulation.base import Modulation, epoch_of
from snn_mm.contracts import LossTerms, StepOutput


class LossModulation(Modulation, ABC):
    """Base of every modulation that reweights summands of the training loss or adds some.

    It joins the module's `loss_modulations` for the time of a fit and is asked in each training
    step, in the order of the callbacks. Validation and test losses are left alone.
    """

    _trainer: Trainer | None = None
    _module: LightningModule | None = None

    @abstractmethod
    def rewrite_terms(self, terms: LossTerms, step: StepOutput, epoch: int) -> LossTerms:
        """Summands to minimise instead of `terms`; sets `factors` to what is worth logging.

        A summand of weight zero is left out (`snn_mm.losses.weighted_terms`).
        """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Join the module."""
        super().setup(trainer, pl_module, stage)
        module = self.modulated(pl_module)
        if stage == "fit" and self not in module.loss_modulations:
            self._trainer, self._module = trainer, pl_module
            module.loss_modulations.append(self)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the module."""
        module = self.modulated(pl_module)
        if self in module.loss_modulations:
            module.loss_modulations.remove(self)
        self._trainer = self._module = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy, of a module that holds this, does not take the trainer and its data along."""
        return {**self.__dict__, "_trainer": None, "_module": None}

    def modulate_loss(self, terms: LossTerms, step: StepOutput) -> LossTerms:
        """Rewrite the summands if this epoch is within the window, and log the factors."""
        trainer, module = self._trainer, self._module
        if trainer is None or module is None:
            return terms
        epoch = epoch_of(trainer, module)
        if not self.is_active(epoch):
            return terms
        rewritten = self.rewrite_terms(terms, step, epoch)
        self.log_factors(module)
        return rewritten
