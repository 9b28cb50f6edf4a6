"""A modulation of one's own: what is ahead of the others brakes. See own_modulation.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snn_mm.callbacks import GradientModulation
from snn_mm.callbacks.modulation.gradient import Strength, by_modality, modality_gradients
from snn_mm.contracts import FUSED, Modulated


def brake(strength: Mapping[str, float], power: float = 1.0) -> dict[str, float]:
    """Factor min(1, mean / s) ** power of each modality's true-class probability s, in [0, 1]."""
    mean = sum(strength.values()) / len(strength)
    return {name: min(1.0, mean / s) ** power for name, s in strength.items()}


@dataclass(eq=False)
class Brake(GradientModulation):
    """Scale the gradients of every modality that is ahead of the mean by k (see `brake`)."""

    name = "brake"  # what it logs is called brake/k_audio
    min_modalities = 2
    power: float = 1.0

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """From the mean evidence of one optimizer step, over micro-batches and ranks."""
        unimodal = {name: s for name, s in strength.items() if name != FUSED}
        return by_modality("k", brake(unimodal, self.power))

    def rewrite_gradients(self, module: Modulated, factors: dict[str, float], step: int) -> None:
        """After AMP has unscaled the gradients, before they are clipped."""
        for name in module.modalities:
            for gradient in modality_gradients(module, name):
                gradient.mul_(factors[f"k_{name}"])
