"""SCA: the spiking cross-attention of the spiking multimodal transformer (SMMT)."""

from __future__ import annotations

from typing import Any

from spikingjelly.activation_based import functional
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.fusion.cross_attention import SpikingCrossAttention, Tokens
from snn_mm.fusion.spiking import MixingFusion
from snn_mm.neurons import TAAFLIF, NeuronFactory


class SCA(MixingFusion):
    """z'_m = SCA(Q of z_m, K and V of the others), without a residual; spikes.

    Guo et al., "Transformer-based spiking neural networks for multimodal audiovisual
    classification" (IEEE TCDS 2024; SMMT). Its code is not public; what is here follows the S-CMRL
    repository's re-implementation. Tokens there are image patches, which pooled features no longer
    have: the projections make `groups` learned tokens of each feature vector instead.
    Without a residual, a sample with one modality alone has nothing to attend to: its fused logits
    are the bias of the classifier, unless `absent: learned` puts a token in place of the others.
    Left out: the relative position bias of the visual queries, since tokens have no positions (the
    repository draws it anew in each forward pass, so that nothing learns it), and the MLP block.

    Args:
        tokens: `groups` attends within a time step, as the original does, so that a step depends
            on no later one; `time` attends over the time steps.
        groups: tokens that a feature vector is split into.
        heads: heads of each token; the repository has 16 features a head, as 128 = 4 x 2 x 16.
        scale: s of s Q Kᵀ V; see `SpikingCrossAttention`.
        neuron: makes the neurons.
        options: those of `MixingFusion`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        tokens: Tokens = "groups",
        groups: int = 4,
        heads: int = 2,
        scale: float = 1.0,
        neuron: NeuronFactory = TAAFLIF,
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        self.causal = tokens == "groups" and type(self).mix is SCA.mix
        self.attention = nn.ModuleDict(
            {
                name: SpikingCrossAttention(
                    dim, self.others_dim(name), tokens, groups, heads, scale, neuron
                )
                for name, dim in feature_dims.items()
            }
        )
        functional.set_step_mode(self, "m")

    def mix(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Spikes `[T, N, D]` by modality: what each finds in the others."""
        return self.attend(features, present)
