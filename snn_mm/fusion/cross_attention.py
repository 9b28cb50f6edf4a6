"""Spiking cross-attention: queries of one modality meet keys and values of the others."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError, check_choice
from snn_mm.neurons import TAAFLIF, NeuronFactory, SpikingProjection

Tokens = Literal["groups", "time"]
"""What attends to what: the feature groups of one time step, or the time steps of one group."""


def spiking_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    tokens: Tokens,
    groups: int = 1,
    heads: int = 1,
    scale: float = 1.0,
) -> Tensor:
    """Attention without softmax, s Q Kᵀ V (Zhou et al., "Spikformer", ICLR 2023).

    Of spikes, Q Kᵀ counts coincidences and is never negative, so there is nothing to exponentiate.
    A feature vector is split into `groups` tokens of `heads` heads of d features.

    Args:
        query: `[T, N, D]`.
        key: `[T, N, D]`.
        value: `[T, N, D]`.
        tokens: `groups` attends over the groups of each time step, `time` over the time steps of
            each group.
        groups: number of tokens that a feature vector is split into; with `heads` it divides D.
        heads: number of heads of each token.
        scale: s.

    Returns:
        `[T, N, D]`.
    """
    q, k, v = (  # [T, N, D] -> [T, N, G, H, d]
        x.reshape(*x.shape[:2], groups, heads, -1) for x in (query, key, value)
    )
    if tokens == "groups":
        similarity = torch.einsum("tnghd,tnjhd->tnhgj", q, k)  # [T, N, H, G, G]
        attended = torch.einsum("tnhgj,tnjhd->tnghd", similarity, v)
    else:
        similarity = torch.einsum("tnghd,snghd->nghts", q, k)  # [N, G, H, T, T]
        attended = torch.einsum("nghts,snghd->tnghd", similarity, v)
    return scale * attended.flatten(2)  # [T, N, D]


class SpikingCrossAttention(nn.Module):
    """Q from one modality, K and V from the others, spikes at every place.

    Q, K, V = SN(BN(W ·)), out = SN(BN(W_O SN(s Q Kᵀ V))), after the S-CMRL repository's blocks for
    SMMT and itself. Where it attends over time, that code joins more than one head without putting
    them behind the time steps first, so that heads and steps are mixed up; here every head keeps
    its steps, and with one head the two agree. There s = 1/4 for sums over 64 patches of 16
    features a head; a sum over a few tokens is so much smaller that its neurons would stay silent,
    hence the default of 1: one coincidence reaches the threshold of TAAF's neuron.

    Args:
        query_dim: D of the modality that asks, and of what comes out.
        context_dim: D of what it asks.
        neuron: makes the neurons SN; all others are those of `spiking_attention`.
    """

    def __init__(
        self,
        query_dim: int,
        context_dim: int,
        tokens: Tokens = "groups",
        groups: int = 4,
        heads: int = 2,
        scale: float = 1.0,
        neuron: NeuronFactory = TAAFLIF,
    ) -> None:
        super().__init__()
        check_tokens(query_dim, tokens, groups, heads)
        self.tokens, self.groups, self.heads, self.scale = tokens, groups, heads, scale
        self.query = SpikingProjection(query_dim, query_dim, neuron)
        self.key = SpikingProjection(context_dim, query_dim, neuron)
        self.value = SpikingProjection(context_dim, query_dim, neuron)
        self.neuron = neuron()
        self.output = SpikingProjection(query_dim, query_dim, neuron)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Spikes `[T, N, D]` of features `[T, N, D]` that ask a context `[T, N, D']`."""
        q, k, v = self.query(x), self.key(context), self.value(context)
        attended = spiking_attention(q, k, v, self.tokens, self.groups, self.heads, self.scale)
        spikes: Tensor = self.output(self.neuron(attended))
        return spikes


def check_tokens(dim: int, tokens: str, groups: int, heads: int) -> None:
    """Refuse what can't be split into tokens and heads."""
    check_choice("fusion: tokens", tokens, get_args(Tokens))
    if min(groups, heads) < 1 or dim % (groups * heads):
        raise UserError(
            f"fusion: {dim} features can't be split into {groups} groups of {heads} heads.\n"
            "Set groups and heads so that their product divides feature_dim."
        )
