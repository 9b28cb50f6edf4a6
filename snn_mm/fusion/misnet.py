"""MISNET: all modalities charge one neuron, each at its own pace."""

from __future__ import annotations

from typing import Any

import torch
from spikingjelly.activation_based.base import MemoryModule
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.fusion.cmci import CMCI


def leaky_compartment(current: Tensor, leak: Tensor, start: Tensor | None = None) -> Tensor:
    """Charge of a compartment that never fires, d(t) = λ d(t-1) + I(t).

    Args:
        current: I, `[T, N, D]`.
        leak: λ in [0, 1), `[D]`; 0 passes the current on.
        start: d(-1), `[N, D]`; 0 if left out.

    Returns:
        d, `[T, N, D]`.
    """
    charge = torch.zeros_like(current[0]) if start is None else start
    charges = []
    for step in current:
        charge = leak * charge + step
        charges.append(charge)
    return torch.stack(charges)


class Compartments(MemoryModule):  # type: ignore[misc]
    """The charges of one modality's compartments, kept until the neurons are set to rest."""

    charge: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_memory("charge", None)

    def forward(self, current: Tensor, leak: Tensor) -> Tensor:
        """Charge `[T, N, D]` of a current `[T, N, D]` with a leak `[D]`."""
        charges = leaky_compartment(current, leak, self.charge)
        self.charge = charges[-1]
        return charges


class MISNET(CMCI):
    """s = SN(BN(Σ_m d_m)) with d_m(t) = λ_m d_m(t-1) + W_m z_m(t); spikes.

    Liu, Xia, Zhou, Li, Guo, "Towards energy-efficient audio-visual classification via multimodal
    interactive spiking neural network" (ACM TOMM). Neither its equations nor code are public; what
    is known is that a multimodal LIF neuron (MLIF) synchronises and coordinates the spikes of audio
    and visual signals within a single neuron. This is one reading of it: a compartment a modality,
    with a learned leak for each neuron, and one soma that fires for all of them. At λ = 0 it is
    CMCI. Do not take its accuracy for MISNET's.

    Args:
        leak: λ before training, in (0, 1); 0.5 is that of TAAF's neuron.
        options: those of `CMCI`; `norm` is on the joint charge, `neuron` makes the somata.
    """

    causal = True

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        leak: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        if not 0 < leak < 1:
            raise UserError(f"MISNET: leak must be between 0 and 1, got {leak}")
        start = torch.full((self.classifier.in_features,), leak).logit()
        self.compartments = nn.ModuleDict({name: Compartments() for name in feature_dims})
        self.leak_logits = nn.ParameterDict({n: nn.Parameter(start.clone()) for n in feature_dims})

    def current(self, modality: str, x: Tensor) -> Tensor:
        """Charge of a modality's compartments, `[T, N, D]`, of its features `[T, N, D']`."""
        leak = self.leak_logits[modality].sigmoid()
        charges: Tensor = self.compartments[modality](super().current(modality, x), leak)
        return charges
