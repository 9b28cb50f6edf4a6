"""Temporal grounding: when in a video the answer to a question lies.

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios", section 4.3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.modules.avqa.activation import activation
from snn_mm.neurons import NeuronFactory, is_spiking


def temporal_weights(query: Tensor, keys: Tensor) -> Tensor:
    """Attention of a question over the steps of a sequence, softmax_L(q · k_l / √d), head by head.

    Source: Li et al., CVPR 2022, Eq. 4: scaled dot-product attention with one query.

    Args:
        query: q, `[N, H, d]`.
        keys: k, `[L, N, H, d]`.

    Returns:
        `[L, N, H]`, summing to one over the L steps.
    """
    scaled = query / math.sqrt(query.shape[-1])
    scores = keys.unsqueeze(-2) @ scaled.unsqueeze(-1)  # [L, N, H, 1, d] @ [N, H, d, 1]
    return scores.flatten(-3).softmax(dim=0)  # [L, N, H, 1, 1] -> [L, N, H]


class TemporalGrounding(nn.Module):
    """A question attends to the seconds of one modality; then a feed-forward part and a layer norm.

    As an ANN the weighted sum over the seconds ends time: T = 1. With spiking neurons each second
    stays a time step: its share L α_l v_l is the current of that step, and the mean over the steps,
    taken of the answers, is the sum that the ANN takes of the values. Queries, keys and values come
    of spikes then. The softmax needs the keys of all seconds, so this part is not causal.

    Args:
        width: D of question and sequence.
        heads: H, a divisor of D.
        dropout: of attention weights and of the feed-forward part.
        neuron: makes what stands within the feed-forward part; a spiking preset also stands before
            the attention.
        temporal_mean: add the mean of the sequence over its steps, as ST-AVQA does.
    """

    def __init__(
        self,
        width: int,
        heads: int = 4,
        dropout: float = 0.1,
        neuron: NeuronFactory = nn.ReLU,
        temporal_mean: bool = False,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise UserError(
                f"QuestionFusion: the width of the features, {width}, must be a multiple of "
                f"attention_heads, got {heads}"
            )
        self.heads, self.temporal_mean = heads, temporal_mean
        source = activation(neuron, width)
        self.source = source if is_spiking(source) else nn.Identity()
        self.query, self.key = attention_layer(width), attention_layer(width)
        self.value, self.out = attention_layer(width), nn.Linear(width, width)
        nn.init.zeros_(self.out.bias)
        self.expand, self.activation = nn.Linear(width, width), activation(neuron, width)
        self.contract, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    @property
    def keeps_time(self) -> bool:
        """Whether steps stay apart: where neurons have a membrane to add them up."""
        return is_spiking(self)

    def forward(self, question: Tensor, sequence: Tensor) -> Tensor:
        """What a question `[N, D]` finds in a sequence `[L, N, D]`: `[L or 1, N, D]`."""
        attended: Tensor = self.out(self._attend(question, sequence))
        hidden = self.dropout(self.activation(self.expand(attended)))
        found: Tensor = self.norm(attended + self.dropout(self.contract(hidden)))
        if not self.temporal_mean:
            return found
        return found + (sequence if self.keeps_time else sequence.mean(dim=0, keepdim=True))

    def _attend(self, question: Tensor, sequence: Tensor) -> Tensor:
        """Weighted values `[L, N, D]` whose mean over time is the attention, or it `[1, N, D]`."""
        source = self.source(sequence)
        query, keys, values = (
            layer(x).unflatten(-1, (self.heads, -1))  # [..., D] -> [..., H, d]
            for layer, x in ((self.query, question), (self.key, source), (self.value, source))
        )
        weights = self.dropout(temporal_weights(query, keys))
        shares: Tensor = (weights.unsqueeze(-1) * values).flatten(-2)  # [L, N, H, d] -> [L, N, D]
        attended: Tensor = shares.sum(dim=0, keepdim=True)  # [1, N, D]
        return len(shares) * shares if self.keeps_time else attended


def attention_layer(width: int) -> nn.Linear:
    """A projection that begins as those of `torch.nn.MultiheadAttention` do.

    There the three are one matrix `[3D, D]`, whose Xavier bound is 1/√2 of a square one's.
    """
    layer = nn.Linear(width, width)
    with torch.no_grad():
        nn.init.xavier_uniform_(layer.weight, gain=1 / math.sqrt(2))
        nn.init.zeros_(layer.bias)
    return layer
