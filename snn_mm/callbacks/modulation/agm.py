"""AGM: adaptive gradient modulation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

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
from snn_mm.callbacks.modulation.functional.iemf import gather_evidence
from snn_mm.callbacks.modulation.gradient import (
    GradientModulation,
    Strength,
    by_modality,
    modality_gradients,
    scale_gradients,
)
from snn_mm.contracts import FUSED, Evidence, JudgesCoalitions, Modulated, StepOutput
from snn_mm.errors import UserError
from snn_mm.presence import given, stacked_masks


@dataclass(eq=False)
class AGM(GradientModulation):
    """Scale each modality's gradients by how its lead compares with its lead so far.

    A modality's lead is that of its share in the fused logits: fused logits with and without the
    other modalities, whose features are set to zero. The authors' code sets the inputs to zero,
    which costs two more passes through every encoder, and scales the gradient at the share, so
    that a little of one modality's factor reaches the other; here exactly the modality's parameters
    are scaled, as BalanceBenchmark does. Neither code's own gradient clipping is included. The
    running means begin with the window. The shares cost 2 to 3 percent of a step of the quickstart
    (docs/speed.md), where a step is short.

    Args:
        alpha: degree of modulation α; 1 is the authors' default, BalanceBenchmark uses 0.1.
        form: `released` is the authors' code: all parameters of the modality, and the one that
            leads more than it used to is slowed down. `benchmark` is BalanceBenchmark: no biases or
            other 1-D parameters, the opposite sign, and shares without the empty coalition
            (`coalition_responses`), from 2^M - 1 passes through the fusion.
    """

    name = "agm"
    min_modalities = 2

    alpha: float = 1.0
    form: AGMForm = "released"
    steps: int = field(init=False, default=0)
    references: dict[str, float] = field(init=False, default_factory=dict)
    counts: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("alpha")

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
                    chosen: module.coalition_logits(step.features, chosen, *given(step.present))
                    for chosen in coalitions(list(module.modalities))
                }
            )
        alone = module.shared_logits(step.features, *given(step.present))
        return mono_modal_responses(step.logits[FUSED], alone, stacked_masks(step.present, alone))

    def gather(self, module: Modulated, step: StepOutput) -> Evidence:
        """Cross-entropy of each modality's share in the fused logits."""
        shares = self.shares(module, step)
        ordered = {name: shares[name] for name in module.modalities}
        return gather_evidence(ordered, step.target, surprise, step.present)

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Coefficient κ of each modality; takes the scores into the running means."""
        references = dict.fromkeys(strength, 0.0) | self.references
        known = {name: references[name] for name in strength}
        coefficients = dict.fromkeys(strength, 1.0)
        if len(strength) > 1:
            coefficients = agm_coefficients(strength, known, self.alpha, self.form)
        if all(map(math.isfinite, strength.values())):  # AMP skips steps that overflow
            self.steps += 1
            self._take(strength, references)
        return {**by_modality("k", coefficients), **by_modality("score", strength)}

    def _take(self, strength: Strength, references: dict[str, float]) -> None:
        """Take scores into the running means; of a modality that a step lacks it stays."""
        for name in references:
            before = self.steps - 1 if name in self.references else 0
            self.counts[name] = self.counts.get(name, before) + (name in strength)
        means = {n: running_mean(references[n], s, self.counts[n]) for n, s in strength.items()}
        self.references = references | means

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply each modality's gradients by its κ, in place."""
        for name in (name for name in module.modalities if f"k_{name}" in factors):
            gradients = modality_gradients(module, name)
            chosen = (g for g in gradients if self.form == "released" or g.dim() != 1)
            scale_gradients(chosen, factors[f"k_{name}"])
