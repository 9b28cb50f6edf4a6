"""CMCI: currents of all modalities meet in the same neurons."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.fusion.base import apply
from snn_mm.fusion.spiking import SpikingFusion
from snn_mm.neurons import TAAFLIF, NeuronFactory


class CMCI(SpikingFusion):
    """s = SN(BN(Σ_m W_m z_m)): cross-modality current integration; spikes.

    Jiang et al., "CMCI: A robust multimodal fusion method for spiking neural networks" (ICONIP
    2023). Only its abstract is public; the sum of currents is that of the S-CMRL repository's
    re-implementation, where it acts on each patch alike. It trains the fused output together with
    one of each modality, so pair it with `heads` and a joint weight of 1.
    Its Modality-wise Dropout, of which the abstract has the name alone, is the callback
    `ModalityDropout`, for this fusion and all others. Left out: the MLP block.

    Args:
        width: number of neurons; None is the width of the widest modality.
        norm: batch norm on the joint current, in place of the b_m; neither source has it, but
            without it the default initialisation leaves most neurons of a sparse input silent.
        neuron: makes the neurons.
        options: those of `Fusion`.
    """

    causal = True

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        width: int | None = None,
        norm: bool = True,
        neuron: NeuronFactory = TAAFLIF,
        **options: Any,
    ) -> None:
        width = width or max(feature_dims.values())
        super().__init__(feature_dims, num_classes, joint_dim=width, **options)
        self.synapses = nn.ModuleDict(
            {name: nn.Linear(dim, width, bias=not norm) for name, dim in feature_dims.items()}
        )
        self.norm = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.neuron = neuron()
        functional.set_step_mode(self, "m")

    def currents(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What each modality feeds into the neurons, `[T, N, D]`; nothing where it is absent."""
        width = self.classifier.in_features
        return {
            name: self.on_own(
                name, present, partial(self.current, name), features[name], width=width
            )
            for name in self.synapses
        }

    def current(self, modality: str, x: Tensor) -> Tensor:
        """What features `[T, N, D']` of a modality feed into the neurons, `[T, N, D]`."""
        return apply(self.synapses[modality], x)

    def joint(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Spikes `[T, N, D]` of the summed currents."""
        currents = list(self.currents(features, present).values())
        current = torch.stack(currents).sum(dim=0)  # [T, N, D]
        normed = self.norm(current.flatten(0, 1)).view_as(current)  # [T*N, D] -> [T, N, D]
        spikes: Tensor = self.neuron(normed)
        return spikes
