"""The inverse-effectiveness driven update of the fusion (IEMF Eqs 7-11)."""

from __future__ import annotations

from typing import Literal

from snn_mm.callbacks.gradient_modulation import (
    GradientModulation,
    Strength,
    unimodal_strengths,
)
from snn_mm.contracts import FUSED, Modulated, Scope
from snn_mm.factors import Kappa, check_iemf_options, generalisation_noise, iemf_coefficient


class IEMF(GradientModulation):
    """Scale the fusion's gradient by the inverse-effectiveness coefficient ξ (Eq. 11).

    Weak unimodal evidence speeds the fusion up, strong unimodal evidence slows it down. Under SGD
    this is Eq. 11: the learning rate of the fusion times ξ, with the momentum buffer holding scaled
    gradients and weight decay left alone. Under Adam a factor on the gradient nearly cancels.

    Args:
        gamma: inverse gain coefficient γ of Eq. 10.
        kappa: bounded gating function κ of Eq. 10.
        scope: `classifier` scales the fused classifier, as the released code does; `module` every
            parameter of the fusion.
        grad_noise: `none` is the paper; `ge` adds Gaussian noise of the gradient's own standard
            deviation, as the released code does.
        start_epoch: first epoch of the update, counted from 0 (60 for CREMA-D in the code).
        end_epoch: last epoch of the update, included; without it there is no end.
        seed: seed of the noise; without it the run's own seed.
    """

    name = "iemf"

    def __init__(
        self,
        gamma: float = 1.0,
        kappa: Kappa = "tanh",
        scope: Scope = "classifier",
        grad_noise: Literal["none", "ge"] = "none",
        start_epoch: int = 0,
        end_epoch: int | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(start_epoch, end_epoch, seed)
        check_iemf_options(gamma, kappa)
        self.gamma = gamma
        self.kappa: Kappa = kappa
        self.scope: Scope = scope
        self.grad_noise = grad_noise

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """The coefficient ξ of Eq. 10."""
        unimodal = unimodal_strengths(strength)
        return {"xi": iemf_coefficient(unimodal, strength[FUSED], self.gamma, self.kappa)}

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply the fusion's gradient by ξ, in place."""
        gradients = [p.grad for p in module.fusion_parameters(self.scope) if p.grad is not None]
        noisy = self.grad_noise == "ge"
        generator = self.generator(optimizer_step, module.device) if noisy else None
        for gradient in gradients:
            # Drawn before the scaling: its deviation is that of the raw gradient.
            noise = None if generator is None else generalisation_noise(gradient, generator)
            gradient.mul_(factors["xi"])
            if noise is not None:
                gradient.add_(noise)
