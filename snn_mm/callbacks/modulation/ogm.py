"""OGM and OGM-GE: slow down the modality that does better, on the fly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from lightning import LightningModule, Trainer
from torch import Tensor

from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, generalisation_noise
from snn_mm.callbacks.modulation.functional.ogm_ge import cosine_probability, ogm_coefficients
from snn_mm.callbacks.modulation.functional.ratio import discrepancy_ratios, ratios_to_weakest
from snn_mm.callbacks.modulation.gradient import (
    GradientModulation,
    Strength,
    by_modality,
    modality_gradients,
)
from snn_mm.contracts import Evidence, Modulated, StepOutput
from snn_mm.errors import UserError, check_choice

Chosen = Literal["conv", "weights", "all"]
Score = Literal["probability", "cosine"]
Noise = Literal["none", "ge"]

REWRITES: dict[Chosen, Callable[[int], bool]] = {
    "conv": lambda dims: dims == 4,
    "weights": lambda dims: dims > 1,
    "all": lambda dims: True,
}
"""Which gradients are rewritten, by their number of dimensions."""


class OGM(GradientModulation):
    """Scale the gradients of the modality that does better by 1 - tanh(α · ρ) (OGM-GE Eq. 10).

    The score of a modality is the true-class probability that the fused classifier alone gives
    its features, whatever heads there are; ρ is its score over the mean score of the others.

    Args:
        alpha: degree of modulation α; 0.8 for CREMA-D and in all of IEMF's runs, 0.1 for VGGSound.
        params: `conv` rewrites 4-D gradients alone, as the released code does; `all` every
            parameter of a modality, so that transformers and linear encoders are modulated too;
            `weights` those of two dimensions and more, no biases and norms, as BalanceBenchmark.
        score: `probability`, or `cosine`, BalanceBenchmark's for three modalities: softmax of the
            cosine of logits, 0 where another class is named, over the weakest modality's score.
        noise: `ge` adds Gaussian noise of the unscaled gradient's standard deviation, also to a
            modality that is not slowed down; see OGMGE.
        start_epoch: first epoch of the modulation, counted from 0.
        end_epoch: last epoch of the modulation, included; without it there is no end.
        seed: seed of the noise; without it the run's own seed.
    """

    name = "ogm"
    min_modalities = 2

    def __init__(
        self,
        alpha: float = 0.8,
        params: Chosen = "conv",
        noise: Noise = "none",
        start_epoch: int = 0,
        end_epoch: int | None = 50,
        seed: int | None = None,
        score: Score = "probability",
    ) -> None:
        super().__init__(start_epoch, end_epoch, seed)
        check_choice(f"{type(self).__name__}: params", params, get_args(Chosen))
        check_choice(f"{type(self).__name__}: score", score, get_args(Score))
        self.score: Score = score
        if not alpha > 0:
            raise UserError(f"{type(self).__name__}.alpha must be positive, got {alpha}")
        self.alpha = alpha
        self.params: Chosen = params
        self.noise: Noise = noise

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
        alone = module.shared_logits(step.features)
        evidence = gather_evidence(alone, step.target)
        if self.score == "probability":
            return evidence
        sums = {
            name: cosine_probability(logits, step.target).sum(dtype=torch.float64)
            for name, logits in alone.items()
        }
        return evidence._replace(sums=sums)

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """Ratio ρ and coefficient k of each modality."""
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
        for name in module.modalities:
            for gradient in self.chosen(modality_gradients(module, name)):
                # Drawn before the scaling: its deviation is that of the raw gradient.
                noise = None if generator is None else generalisation_noise(gradient, generator)
                gradient.mul_(factors[f"k_{name}"])
                if noise is not None:
                    gradient.add_(noise)

    def chosen(self, gradients: list[Tensor]) -> list[Tensor]:
        """Those of the gradients that `params` names."""
        return [g for g in gradients if REWRITES[self.params](g.dim())]


class OGMGE(OGM):
    """OGM with generalisation enhancement: Gaussian noise on the gradients of every modality.

    As released: N(0, (std(g) + 1e-8)²) with g the unscaled gradient, the same on every rank.

    Args:
        alpha: degree of modulation α; 0.8 for CREMA-D and in all of IEMF's runs, 0.1 for VGGSound.
        params: `conv` rewrites 4-D gradients alone, as the released code does; `all` every
            parameter of a modality, so that transformers and linear encoders are modulated too;
            `weights` those of two dimensions and more, no biases and norms, as BalanceBenchmark.
        noise: `ge`; `none` is OGM.
        score: `probability` or `cosine`, see OGM.
        start_epoch: first epoch of the modulation, counted from 0.
        end_epoch: last epoch of the modulation, included; without it there is no end.
        seed: seed of the noise; without it the run's own seed.
    """

    name = "ogm_ge"

    def __init__(
        self,
        alpha: float = 0.8,
        params: Chosen = "conv",
        noise: Noise = "ge",
        start_epoch: int = 0,
        end_epoch: int | None = 50,
        seed: int | None = None,
        score: Score = "probability",
    ) -> None:
        super().__init__(alpha, params, noise, start_epoch, end_epoch, seed, score)
