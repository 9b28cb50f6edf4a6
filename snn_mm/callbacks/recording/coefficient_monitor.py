"""The IEMF coefficient of sets that nothing is trained on."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.hooks import RemovableHandle

from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, iemf_coefficient
from snn_mm.callbacks.modulation.gradient import mean_strength, unimodal_strengths
from snn_mm.callbacks.modulation.iemf import IEMF
from snn_mm.contracts import FUSED, Batch, Evidence, FusionOutput
from snn_mm.errors import UserError


class CoefficientMonitor(Callback):
    """Log ξ of the validation set (`val/xi`) and the test set (`test/xi`).

    It shows how fusion and modalities stand to each other where they have not been trained (IEMF
    Fig. 2e shows test batches); the update itself uses ξ of the training batches, `iemf/xi`. Taken
    from the logits of the step, over all samples and ranks, with γ and κ of the IEMF callback; with
    γ = 1 and tanh where the training has none.
    """

    def __init__(self) -> None:
        self._handle: RemovableHandle | None = None
        self._output: FusionOutput | None = None
        self._evidence: list[Evidence] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start listening to the fusion."""
        self._attach(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start listening to the fusion."""
        self._attach(pl_module)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Gather the evidence of a batch."""
        self._gather(pl_module, batch)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Gather the evidence of a batch."""
        self._gather(pl_module, batch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log ξ of the validation set."""
        self._log(trainer, pl_module, "val/xi")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log ξ of the test set."""
        self._log(trainer, pl_module, "test/xi")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Let go of the fusion."""
        self._detach()

    def _attach(self, module: LightningModule) -> None:
        fusion = getattr(module, "fusion", None)
        if not isinstance(fusion, nn.Module) or not hasattr(module, "readout"):
            raise UserError(
                f"CoefficientMonitor: {type(module).__name__} has no `fusion`, `readout`"
            )
        self._detach()
        self._handle = fusion.register_forward_hook(self._keep)

    def _detach(self) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._output = None
        self._evidence = []

    def _keep(self, fusion: nn.Module, inputs: Any, output: FusionOutput) -> None:
        self._output = output

    def _gather(self, module: Any, batch: Batch) -> None:
        if self._output is not None:
            logits = module.readout(self._output)
            self._evidence.append(gather_evidence(logits, batch["target"]))

    def _log(self, trainer: Trainer, module: LightningModule, name: str) -> None:
        evidence = self._evidence
        self._detach()
        if not evidence:
            return
        strength = mean_strength(evidence, trainer)
        update = next((c for c in trainer_callbacks(trainer) if isinstance(c, IEMF)), IEMF())
        unimodal = unimodal_strengths(strength)
        xi = iemf_coefficient(unimodal, strength[FUSED], update.gamma, update.kappa)
        module.log(name, xi, sync_dist=True)  # the ranks agree already


def trainer_callbacks(trainer: Trainer) -> list[Callback]:
    """The callbacks of a trainer, which Lightning adds to the class without a type."""
    callbacks: list[Callback] = getattr(trainer, "callbacks", [])
    return callbacks
