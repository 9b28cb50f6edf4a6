"""Transformers in which one sequence asks another one: the blocks of MulT."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from snn_mm.sequences import valid_mask


@dataclass(frozen=True)
class Dropouts:
    """Shares that training sets to zero in MulT, with MMSA's settings for CH-SIMS v2.

    Attributes:
        text: of the features of text.
        embed: of what enters a transformer.
        attention: of the attention weights, unless `source` says otherwise.
        source: of the attention weights towards a modality that another one asks, by modality.
        relu: of the hidden units of the feed-forward layers.
        residual: of what each half of a layer adds.
        output: of the hidden units of the head.
    """

    text: float = 0.5
    embed: float = 0.2
    attention: float = 0.1
    source: dict[str, float] = field(default_factory=lambda: {"audio": 0.2, "visual": 0.0})
    relu: float = 0.1
    residual: float = 0.0
    output: float = 0.3

    def towards(self, modality: str) -> float:
        """Share of the attention weights towards a modality."""
        return self.source.get(modality, self.attention)


class CrossModalTransformer(nn.Module):
    """A stack of layers in which a sequence asks a source, or itself.

    The source is the same at every layer. What enters is scaled by √D.

    Source: Tsai et al., ACL 2019, arXiv 1906.00295.

    Args:
        dim: D; a multiple of `heads`.
        heads: of the attention.
        levels: number of layers.
        attention_dropout: share of the attention weights that training sets to zero.
        dropouts: all others.
        positions: whether sinusoids of the position are added to what enters.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        levels: int,
        attention_dropout: float,
        dropouts: Dropouts,
        positions: bool,
    ) -> None:
        super().__init__()
        self.scale, self.positions = math.sqrt(dim), positions
        self.dropout = nn.Dropout(dropouts.embed)
        self.layers = nn.ModuleList(
            CrossModalLayer(dim, heads, attention_dropout, dropouts) for _ in range(levels)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, x: Tensor, source: Tensor | None, mask: Tensor, keyed: Tensor | None = None
    ) -> Tensor:
        """What `x` becomes, `[N, L, D]`.

        Args:
            x: `[N, L, D]`; finite in its padding too.
            source: `[N, S, D]`; `x` itself if None.
            mask: what each position may see, `[N, 1, L, S]` in bool.
            keyed: which samples have a source, `[N]` in bool; the others attend to nothing, and the
                attention adds nothing to them. None where all have one.
        """
        x = self._embedded(x)
        source = None if source is None else self._embedded(source)
        for layer in self.layers:
            x = layer(x, source, mask, keyed)
        normed: Tensor = self.norm(x)
        return normed

    def _embedded(self, x: Tensor) -> Tensor:
        x = self.scale * x
        if self.positions:
            x = x + sinusoidal_positions(x.shape[1], x.shape[2], x.device).to(x.dtype)
        embedded: Tensor = self.dropout(x)
        return embedded


class CrossModalLayer(nn.Module):
    """Attention and a feed-forward layer, each normalised before and added to what came in.

    Arguments are those of `CrossModalTransformer`.
    """

    def __init__(self, dim: int, heads: int, attention_dropout: float, dropouts: Dropouts) -> None:
        super().__init__()
        self.attention = CrossAttention(dim, heads, attention_dropout)
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(
            *(xavier_linear(dim, 4 * dim), nn.ReLU()),
            nn.Dropout(dropouts.relu),
            xavier_linear(4 * dim, dim),
        )
        self.dropout = nn.Dropout(dropouts.residual)

    def forward(
        self, x: Tensor, source: Tensor | None, mask: Tensor, keyed: Tensor | None = None
    ) -> Tensor:
        """What `x [N, L, D]` becomes; see `CrossModalTransformer.forward`."""
        normed = self.attention_norm(x)
        attended = normed if source is None else self.attention_norm(source)
        x = x + self.dropout(self.attention(normed, attended, mask, keyed))
        added: Tensor = self.dropout(self.feed_forward(self.feed_norm(x)))
        return x + added


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to another.

    Args:
        dim: D; a multiple of `heads`.
        heads: number of heads.
        dropout: share of the attention weights that training sets to zero.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = xavier_linear(dim, dim)
        self.source = xavier_linear(dim, 2 * dim)
        self.out = xavier_linear(dim, dim)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor, keyed: Tensor | None = None
    ) -> Tensor:
        """Attended values, `[N, L, D]`.

        Args:
            x: `[N, L, D]`.
            source: `[N, S, D]`.
            mask: what each position may see, `[N, 1, L, S]` in bool.
            keyed: which samples have a source, `[N]` in bool; None where all have one.
        """
        if keyed is not None:  # a softmax over nothing would be NaN: they see, and it is dropped
            mask = mask | ~keyed[:, None, None, None]
        query = self._by_head(self.query(x))
        key, value = map(self._by_head, torch.chunk(self.source(source), 2, dim=-1))
        dropout = self.dropout if self.training else 0.0
        heads = scaled_dot_product_attention(query, key, value, mask, dropout)
        attended: Tensor = self.out(heads.transpose(1, 2).flatten(2))  # [N, H, L, D/H] -> [N, L, D]
        return attended if keyed is None else attended * keyed[:, None, None].to(attended.dtype)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(
            1, 2
        )  # [N, L, D] -> [N, H, L, D/H]


def attention_mask(
    lengths: Tensor, source_lengths: Tensor, steps: int, source_steps: int, causal: bool
) -> Tensor:
    """What each position of a sequence may see of a source, `[N, 1, L, S]` in bool.

    Padding is never seen. If `causal`, position i sees positions j <= i + |n_s - n|, n and n_s
    being the lengths: MulT's rule for sequences of different lengths, clip by clip.

    Args:
        lengths: n, `[N]`.
        source_lengths: n_s, `[N]`.
        steps: L.
        source_steps: S.
        causal: whether positions ahead are hidden.
    """
    seen = valid_mask(source_lengths, source_steps)[:, None, None]  # [N, 1, 1, S]
    if not causal:
        return seen.expand(-1, -1, steps, -1)
    ahead = (source_lengths - lengths).abs().view(-1, 1, 1, 1)  # [N] -> [N, 1, 1, 1]
    positions = torch.arange(steps, device=lengths.device).unsqueeze(1)  # [L, 1]
    return seen & (torch.arange(source_steps, device=lengths.device) <= positions + ahead)


def sinusoidal_positions(steps: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Sines, then cosines, of positions 1 to L at wavelengths from 2π to 20,000π, `[L, D]`.

    p(i) = (sin(i w_k), cos(i w_k)) with w_k = 10,000^(-k / (D/2 - 1)), k = 0, 1, ..., D/2 - 1;
    a last feature of an odd D is 0. The form of tensor2tensor, which MulT uses.

    Args:
        steps: L.
        dim: D.
        device: of the result.
    """
    half = dim // 2
    exponents = torch.arange(half, device=device) / max(half - 1, 1)
    angles = torch.arange(1, steps + 1, device=device).unsqueeze(1) * 10_000.0**-exponents
    table = torch.cat([angles.sin(), angles.cos()], dim=1)  # [L, 2 · half]
    return nn.functional.pad(table, (0, dim - 2 * half))


def xavier_linear(in_features: int, out_features: int) -> nn.Linear:
    """A linear map with Xavier's uniform weights and biases of zero."""
    linear = nn.Linear(in_features, out_features)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
