"""AGM: adaptive gradient modulation."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.functional.agm import (
    AGMForm,
    agm_coefficients,
    coalition_responses,
    coalitions,
    mono_modal_responses,
    running_mean,
    surprise,
)
from snn_mm.callbacks.modulation.gradient import (
    GradientModulation,
    Strength,
    by_modality,
    modality_gradients,
)
from snn_mm.contracts import FUSED, Evidence, JudgesCoalitions, Modulated, StepOutput
from snn_mm.errors import UserError


class AGM(GradientModulation):
    """Scale each modality's gradients by how its lead compares with its lead so far.

    A modality's lead is that of its share in the fused logits: fused logits with and without the
    other modalities, whose features are set to zero. The authors' code sets the inputs to zero,
    which costs two more passes through every encoder, and scales the gradient at the share, so
    that a little of one modality's factor reaches the other; here exactly the modality's parameters
    are scaled, as BalanceBenchmark does. Neither code's own gradient clipping is included.

    Args:
        alpha: degree of modulation α; 1 is the authors' default, BalanceBenchmark uses 0.1.
        form: `released` is the authors' code: all parameters of the modality, and the one that
            leads more than it used to is slowed down. `benchmark` is BalanceBenchmark: no biases or
            other 1-D parameters, the opposite sign, and shares without the empty coalition
            (`coalition_responses`), from 2^M - 1 passes through the fusion.
        start_epoch: first epoch of the modulation, counted from 0; running means start with it.
        end_epoch: last epoch of the modulation, included; without it there is no end.
    """

    name = "agm"
    min_modalities = 2

    def __init__(
        self,
        alpha: float = 1.0,
        form: AGMForm = "released",
        start_epoch: int = 0,
        end_epoch: int | None = None,
    ) -> None:
        super().__init__(start_epoch, end_epoch)
        if not alpha > 0:
            raise UserError(f"AGM.alpha must be positive, got {alpha}")
        self.alpha = alpha
        self.form: AGMForm = form
        self.steps = 0
        self.references: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modules that cannot be asked about coalitions, if that is needed."""
        super().setup(trainer, pl_module, stage)
        if self.form == "benchmark" and not isinstance(pl_module, JudgesCoalitions):
            raise UserError(
                "trainer.callbacks: AGM with form benchmark asks a module for `coalition_logits`, "
                f"which {type(pl_module).__name__} does not have"
            )

    def shares(self, module: Modulated, step: StepOutput) -> dict[str, Tensor]:
        """Share `[N, K]` of each modality in the fused logits."""
        if self.form == "benchmark" and isinstance(module, JudgesCoalitions):
            return coalition_responses(
                {
                    chosen: module.coalition_logits(step.features, chosen)
                    for chosen in coalitions(list(module.modalities))
                }
            )
        return mono_modal_responses(step.logits[FUSED], module.shared_logits(step.features))

    def gather(self, module: Modulated, step: StepOutput) -> Evidence:
        """Cross-entropy of each modality's share in the fused logits."""
        shares = self.shares(module, step)
        sums = {
            name: surprise(shares[name], step.target).sum(dtype=torch.float64)
            for name in module.modalities
        }
        samples = torch.tensor(
            float(step.target.shape[0]), dtype=torch.float64, device=step.target.device
        )
        return Evidence(sums, samples)

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Coefficient κ of each modality; takes the scores into the running means."""
        references = self.references or dict.fromkeys(strength, 0.0)
        coefficients = agm_coefficients(strength, references, self.alpha, self.form)
        if all(map(math.isfinite, strength.values())):  # AMP skips steps that overflow
            self.steps += 1
            self.references = {
                name: running_mean(references[name], score, self.steps)
                for name, score in strength.items()
            }
        return {**by_modality("k", coefficients), **by_modality("score", strength)}

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply each modality's gradients by its κ, in place."""
        for name in module.modalities:
            for gradient in modality_gradients(module, name):
                if self.form == "released" or gradient.dim() != 1:
                    gradient.mul_(factors[f"k_{name}"])

    def state_dict(self) -> dict[str, Any]:
        """The last factors and the running means."""
        return {
            **super().state_dict(),
            "steps": self.steps,
            "references": dict(self.references),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore factors and running means."""
        super().load_state_dict(state_dict)
        self.steps = state_dict["steps"]
        self.references = dict(state_dict["references"])
