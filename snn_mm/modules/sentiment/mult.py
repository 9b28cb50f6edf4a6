"""MulT: every modality asks every other one (multimodal transformer)."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, Presence
from snn_mm.errors import UserError
from snn_mm.modules.sentiment.absence import on_samples
from snn_mm.modules.sentiment.cross_modal import CrossModalTransformer, Dropouts, attention_mask
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sentiment.subnets import TEXT, size_of
from snn_mm.presence import present_rows
from snn_mm.sequences import align_steps, last_valid, zero_padding

KERNELS = {"text": 5, "audio": 3, "visual": 1}
DROPOUTS = Dropouts()
FEWEST_SELF_LEVELS = 3
"""Layers of the transformers after the cross-modal ones, where those have fewer."""


class MulT(SentimentNetwork):
    """Multimodal transformer: cross-modal attention for every ordered pair of modalities.

    A convolution brings each modality to the same width; one transformer a pair lets it ask each
    other modality; one more reads the answers side by side. The last valid steps of all modalities
    go through a residual block to a score.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), with these differences. MMSA's
    attention sees the padding, and it reads the last step of the padded sequence. Its convolution
    drops steps at the ends; here it keeps the length, so that one step is enough. It leaves out
    positions, which the authors' code adds, and skips the convolution of a modality that has `dim`
    features by chance. Its trainer adds up the gradients of eight batches undivided, clips them by
    value at every batch, loses the last batches of an epoch and ignores its weight decay.

    A modality that asks one that a sample lacks is told nothing: it goes on as it is.

    Source: Tsai et al., ACL 2019, arXiv 1906.00295.

    Args:
        dim: width of every modality in the transformers; a multiple of `heads`.
        heads: of every attention.
        levels: layers of the cross-modal transformers; the others have at least three.
        kernels: steps that a modality's convolution spans, odd, by modality.
        dropouts: what training sets to zero.
        causal: whether a step sees only what is not ahead of it; MMSA's `attn_mask`.
        positions: whether transformers are told positions.
        steps: sequences are averaged to at most so many steps first; null for none of it.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        dim: int = 30,
        heads: int = 6,
        levels: int = 4,
        kernels: dict[str, int] = KERNELS,
        dropouts: Dropouts = DROPOUTS,
        causal: bool = True,
        positions: bool = True,
        steps: int | None = None,
    ) -> None:
        super().__init__(feature_dims, max_lengths)
        check_settings(self.modalities, dim, heads)
        self.dim, self.causal, self.steps = dim, causal, steps
        for name, features in self.feature_dims.items():
            dropout = dropouts.text if name == TEXT else 0.0
            kernel = check_kernel(size_of(kernels, name, "kernels"), name)
            self.encoders[name] = ValidConv(features, dim, kernel, dropout)
        self.crossings, self.summaries = nn.ModuleDict(), nn.ModuleDict()
        for name, source in permutations(self.modalities, 2):
            self.crossings[f"{name}<{source}"] = CrossModalTransformer(
                dim, heads, levels, dropouts.towards(source), dropouts, positions
            )
        joint = (len(self.modalities) - 1) * dim
        for name in self.modalities:
            self.summaries[name] = CrossModalTransformer(
                *(joint, heads, max(levels, FEWEST_SELF_LEVELS)),
                *(dropouts.attention, dropouts, positions),
            )
        self.fused_head = ResidualHead(len(self.modalities) * joint, dropouts.output)

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` of the fused head, of `[N, L, D]` and lengths `[N]` by modality."""
        if self.steps is not None:
            inputs, lengths = align_steps(inputs, lengths, self.max_lengths, self.steps)
        rows = {name: present_rows(present, name) for name in self.modalities}
        x = {
            name: on_samples(
                *(conv, rows[name], inputs[name], lengths[name]),
                shape=(inputs[name].shape[1], self.dim),
            )
            for name, conv in self.encoders.items()
        }
        return {FUSED: self.fused_head(torch.cat(self._last(x, lengths, rows), dim=-1))}

    def _last(
        self, x: dict[str, Tensor], lengths: dict[str, Tensor], rows: dict[str, Tensor | None]
    ) -> list[Tensor]:
        """The last valid step of what each modality learns, `[N, (M - 1) D]` each.

        Args:
            x: `[N, L, D]` by modality.
            lengths: `[N]` by modality.
            rows: which samples have a modality, `[n]`; None is all.
        """
        names, count = self.modalities, len(self.modalities)
        lacking = {name for name, own in rows.items() if own is not None}

        def last(name: str, *parts: Tensor) -> Tensor:
            own = dict(zip(names, parts[:count], strict=True))
            steps = dict(zip(names, parts[count:], strict=True))
            return last_valid(self._summary(name, own, steps, lacking), steps[name])

        operands = [values[name] for values in (x, lengths) for name in names]
        shape = ((count - 1) * self.dim,)
        return [on_samples(partial(last, n), rows[n], *operands, shape=shape) for n in names]

    def _summary(
        self, name: str, x: dict[str, Tensor], lengths: dict[str, Tensor], lacking: set[str]
    ) -> Tensor:
        """What a modality learns of all others, `[N, L, (M - 1) D]`, of `[N, L, D]` by modality."""

        def mask(source: str) -> Tensor:
            sizes = (x[name].shape[1], x[source].shape[1])
            return attention_mask(lengths[name], lengths[source], *sizes, self.causal)

        answers = [
            self.crossings[f"{name}<{source}"](
                *(x[name], x[source], mask(source)),
                lengths[source] > 0 if source in lacking else None,
            )
            for source in self.modalities
            if source != name
        ]
        summary: Tensor = self.summaries[name](torch.cat(answers, dim=-1), None, mask(name))
        return summary


class ValidConv(nn.Module):
    """A convolution over steps that keeps their number and reads zeros in place of padding.

    Args:
        in_features: D.
        out_features: D'.
        kernel: steps that it spans, odd.
        dropout: share of the input that training sets to zero.
    """

    def __init__(self, in_features: int, out_features: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv1d(in_features, out_features, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`[N, L, D']` of a sequence `[N, L, D]` with lengths `[N]`."""
        valid = self.dropout(zero_padding(x, lengths))
        out: Tensor = self.conv(valid.transpose(1, 2)).transpose(1, 2)  # [N, D', L] -> [N, L, D']
        return out


class ResidualHead(nn.Module):
    """A score of a vector to which a network of two layers adds something.

    Args:
        features: D.
        dropout: share of the hidden units that training sets to zero.
    """

    def __init__(self, features: int, dropout: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *(nn.Linear(features, features), nn.ReLU()),
            nn.Dropout(dropout),
            nn.Linear(features, features),
        )
        self.score = nn.Linear(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores `[N]` of vectors `[N, D]`."""
        score: Tensor = self.score(x + self.block(x))
        return score.squeeze(-1)  # [N, 1] -> [N]


def check_settings(modalities: tuple[str, ...], dim: int, heads: int) -> None:
    """Refuse one modality alone, and heads of unequal widths.

    Raises:
        UserError: names the key and what is accepted.
    """
    if len(modalities) < 2:
        raise UserError(f"model.modalities: MulT needs at least two, not {', '.join(modalities)}")
    if dim % heads:
        raise UserError(f"model.network.dim is {dim}; accepted: a multiple of heads, {heads}")


def check_kernel(kernel: int, modality: str) -> int:
    """The kernel.

    Raises:
        UserError: it is even, or less than 1.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise UserError(f"model.network.kernels.{modality} is {kernel}; accepted: 1, 3, 5, ...")
    return kernel
