"""OGM and OGM-GE: slow down the modality that does better, on the fly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from lightning import LightningModule, Trainer

from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, true_class_probability
from snn_mm.callbacks.modulation.functional.ogm_ge import cosine_probability, ogm_coefficients
from snn_mm.callbacks.modulation.functional.ratio import discrepancy_ratios, ratios_to_weakest
from snn_mm.callbacks.modulation.gradient import (
    NoisyGradientModulation,
    Strength,
    by_modality,
    modality_gradients,
    scale_gradients,
)
from snn_mm.contracts import Evidence, Modulated, StepOutput
from snn_mm.errors import UserError
from snn_mm.presence import given

Chosen = Literal["conv", "weights", "all"]
Score = Literal["probability", "cosine"]
Noise = Literal["none", "ge"]

REWRITES: dict[Chosen, Callable[[int], bool]] = {
    "conv": lambda dims: dims == 4,
    "weights": lambda dims: dims > 1,
    "all": lambda dims: True,
}
"""Which gradients are rewritten, by their number of dimensions."""


@dataclass(eq=False)
class OGM(NoisyGradientModulation):
    """Scale the gradients of the modality that does better by 1 - tanh(α · ρ) (OGM-GE Eq. 10).

    The score of a modality is the true-class probability that the fused classifier alone gives
    its features, whatever heads there are; ρ is its score over the mean score of the others. These
    scores cost 2 to 3 percent of a step of the quickstart (docs/speed.md), where a step is short.

    Args:
        alpha: degree of modulation α; 0.8 for CREMA-D and in all of IEMF's runs, 0.1 for VGGSound.
        params: `conv` rewrites 4-D gradients alone, as the released code does; `all` every
            parameter of a modality, so that transformers and linear encoders are modulated too;
            `weights` those of two dimensions and more, no biases and norms, as BalanceBenchmark.
        score: `probability`, or `cosine`, BalanceBenchmark's for three modalities: softmax of the
            cosine of logits, 0 where another class is named, over the weakest modality's score.
        noise: `ge` adds Gaussian noise of the unscaled gradient's standard deviation, also to a
            modality that is not slowed down; see OGMGE.
    """

    name = "ogm"
    min_modalities = 2

    alpha: float = 0.8
    params: Chosen = "conv"
    noise: Noise = "none"
    score: Score = "probability"
    _: KW_ONLY
    end_epoch: int | None = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("alpha")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modalities without a parameter to modulate."""
        super().setup(trainer, pl_module, stage)
        module = self.modulated(pl_module)
        for name in module.modalities:
            if self.params == "conv" and not any(
                p.dim() == 4 for p in module.modality_parameters(name)
            ):
                raise UserError(
                    f"{type(self).__name__}: modality {name} has no convolution (4-D parameter) "
                    "to modulate; set `params: all`"
                )

    def gather(self, module: Modulated, step: StepOutput) -> Evidence:
        """Score that the fused classifier gives each modality alone."""
        score = true_class_probability if self.score == "probability" else cosine_probability
        logits = module.shared_logits(step.features, *given(step.present))
        return gather_evidence(logits, step.target, score, step.present)

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Ratio ρ and coefficient k of each modality."""
        if len(strength) < 2:  # nothing to balance
            return by_modality("k", dict.fromkeys(strength, 1.0))
        probable = self.score == "probability"
        ratios = discrepancy_ratios(strength) if probable else ratios_to_weakest(strength)
        coefficients = ogm_coefficients(ratios, self.alpha)
        return {**by_modality("k", coefficients), **by_modality("rho", ratios)}

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply each modality's gradients by its k, in place, and add noise if asked to."""
        noisy = self.noise == "ge"
        generator = self.generator(optimizer_step, module.device) if noisy else None
        for name in (name for name in module.modalities if f"k_{name}" in factors):
            gradients = modality_gradients(module, name)
            chosen = [g for g in gradients if REWRITES[self.params](g.dim())]
            scale_gradients(chosen, factors[f"k_{name}"], generator)


@dataclass(eq=False)
class OGMGE(OGM):
    """OGM with generalisation enhancement: Gaussian noise on the gradients of every modality.

    As released: N(0, (std(g) + 1e-8)²) with g the unscaled gradient, the same on every rank.
    Drawing the noise brings the cost to 3 to 4 percent of a step of the quickstart. Its other
    options are those of OGM.

    Args:
        noise: `ge`; `none` is OGM.
    """

    name = "ogm_ge"

    noise: Noise = "ge"
