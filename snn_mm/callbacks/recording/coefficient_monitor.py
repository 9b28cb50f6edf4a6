"""The IEMF coefficient of sets that nothing is trained on."""

from __future__ import annotations

from lightning import LightningModule, Trainer

from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, iemf_coefficient
from snn_mm.callbacks.modulation.gradient import mean_strength, unimodal_strengths
from snn_mm.callbacks.modulation.iemf import IEMF
from snn_mm.callbacks.recording.run_files import callbacks_of
from snn_mm.callbacks.recording.stages import Stage, StageRecorder
from snn_mm.contracts import FUSED, Batch, Evidence, LeavesStep
from snn_mm.errors import UserError


class CoefficientMonitor(StageRecorder):
    """Log ξ of the validation set (`val/xi`) and the test set (`test/xi`).

    It shows how fusion and modalities stand to each other where they have not been trained (IEMF
    Fig. 2e shows test batches); the update itself uses ξ of the training batches, `iemf/xi`. Taken
    from the logits of the step, over all samples and ranks, with γ and κ of the IEMF callback; with
    γ = 1 and tanh where the training has none.
    """

    def __init__(self) -> None:
        self._evidence: list[Evidence] = []

    def begin(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Start from nothing; refuse a module that leaves no logits."""
        self._evidence = []
        if not isinstance(module, LeavesStep):
            raise UserError(f"CoefficientMonitor: {type(module).__name__} leaves no `step`")

    def gather(self, trainer: Trainer, module: LightningModule, batch: Batch) -> None:
        """Gather the evidence of a batch."""
        if isinstance(module, LeavesStep) and module.step is not None:
            step = module.step
            evidence = gather_evidence(step.logits, step.target, present=step.present)
            self._evidence.append(evidence)

    def record(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        """Log ξ of the validation or test set."""
        evidence, self._evidence = self._evidence, []
        if not evidence:
            return
        strength = mean_strength(evidence, trainer)
        update = next((c for c in callbacks_of(trainer) if isinstance(c, IEMF)), IEMF())
        unimodal = unimodal_strengths(strength)
        xi = iemf_coefficient(unimodal, strength[FUSED], update.gamma, update.kappa)
        module.log(f"{stage}/xi", xi, sync_dist=True)  # the ranks agree already
