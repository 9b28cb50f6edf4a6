"""S-CMRL: what the others know is added to a modality as a residual."""

from __future__ import annotations

from typing import Any

from spikingjelly.activation_based import functional
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.fusion.cross_attention import SpikingCrossAttention
from snn_mm.fusion.spiking import MixingFusion, frozen_statistics
from snn_mm.neurons import TAAFLIF, NeuronFactory, SpikingProjection, detached_after, reset_neurons


def complementary(spatial: Tensor, temporal: Tensor, groups: int) -> Tensor:
    """R = mean over tokens of `spatial` times mean over time of `temporal` (S-CMRL's CCSSA).

    Each of the two is spread over the axis it was averaged over, as the published code does.

    Args:
        spatial: attention within the time steps, `[T, N, D]`.
        temporal: attention over the time steps, `[T, N, D]`.
        groups: number of tokens in D.

    Returns:
        R, `[T, N, D]`, in [0, 1] for spikes.
    """
    a, b = (x.reshape(*x.shape[:2], groups, -1) for x in (spatial, temporal))  # [T, N, G, D/G]
    residual = a.mean(dim=2, keepdim=True) * b.mean(dim=0)  # [T, N, 1, D/G] * [N, G, D/G]
    return residual.flatten(2)  # [T, N, D]


class ComplementaryAttention(nn.Module):
    """What one modality finds in the others, within and over time steps, `[T, N, D]`.

    Args:
        query_dim: D of the modality.
        context_dim: D of the others, concatenated.
        semantic_space: whether a spiking projection follows.
        neuron: makes the neurons; all others are those of `spiking_attention`.
    """

    def __init__(
        self,
        query_dim: int,
        context_dim: int,
        groups: int,
        heads: int,
        scale: float,
        semantic_space: bool,
        neuron: NeuronFactory,
    ) -> None:
        super().__init__()
        self.groups = groups
        self.spatial, self.temporal = (
            SpikingCrossAttention(query_dim, context_dim, tokens, groups, heads, scale, neuron)
            for tokens in ("groups", "time")
        )
        self.semantic = (
            SpikingProjection(query_dim, query_dim, neuron) if semantic_space else nn.Identity()
        )

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Residual `[T, N, D]` of features `[T, N, D]` and a context `[T, N, D']`."""
        spatial, temporal = self.spatial(x, context), self.temporal(x, context)
        residual: Tensor = self.semantic(complementary(spatial, temporal, self.groups))
        return residual


class SCMRL(MixingFusion):
    """z'_m = z_m + α R_m, R_m by complementary spatiotemporal spiking attention to the others.

    He et al., "Enhancing audio-visual spiking neural networks through semantic-alignment and
    cross-modal residual learning" (arXiv 2502.12488), and its public code. The second half of the
    method is the callback `SemanticAlignment`, a loss on R_m. The "spatial" attention of the
    original is over image patches; here it is over `groups` learned tokens of a pooled feature
    vector, and `groups: 1` is the original on a single patch. The mean over time in R lets a step
    see later ones, as there. The projection into the semantic space has a batch norm more than
    the code, so that its neurons fire. Left out: the MLP block.

    Args:
        alpha: α; the authors' command for CREMA-D has 1.5, their default is 1.
        groups: tokens that a feature vector is split into.
        heads: heads of each token; the code has 16 features a head, as 128 = 4 x 2 x 16.
        scale: s of s Q Kᵀ V; see `SpikingCrossAttention`.
        semantic_space: whether R_m is projected and spikes again; the code does so only when it
            trains with semantic alignment.
        neuron: makes the neurons: TAAF's as everywhere in its comparison; `SCMRLLIF` is the code's
            own, which needs stronger input to fire.
        options: those of `MixingFusion`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        alpha: float = 1.5,
        groups: int = 4,
        heads: int = 2,
        scale: float = 1.0,
        semantic_space: bool = True,
        neuron: NeuronFactory = TAAFLIF,
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        self.alpha = alpha
        self.attention = nn.ModuleDict(
            {
                name: ComplementaryAttention(
                    dim, self.others_dim(name), groups, heads, scale, semantic_space, neuron
                )
                for name, dim in feature_dims.items()
            }
        )
        functional.set_step_mode(self, "m")

    def residuals(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """R `[T, N, D]` by modality of features `[T, N, D]`."""
        return self.attend(features, present)

    def mix(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Features `[T, N, D]` by modality with what the others add."""
        residuals = self.residuals(features, present)
        return {name: features[name] + self.alpha * r for name, r in residuals.items()}

    def semantic_features(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """The residuals `[T, N, D]` once more, for a loss of their own; no statistics change."""
        reset_neurons(self)
        with frozen_statistics(self), detached_after(self):
            return self.residuals(features, present)
