"""How far the assumptions behind scale_2 hold in a trained SGMT, measured on its clips.

Theorem 1 speaks of independent spikes and random weights. In a trained network spikes are
correlated and weights are not random, so Var(Q Kᵀ) / scale_2² need not be 1. What softmax sees of
it is only the variance within a row: an offset of a whole row changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.sentiment.attention_variance import Element, Setting, attention_variance
from snn_mm.analysis.sentiment.clip_record import stacks
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules.sentiment.absence import network_arguments
from snn_mm.modules.sgmt import SGMT
from snn_mm.modules.sgmt.spike_generated_attention import SpikeGeneratedAttention, attention_scale


class Measured(NamedTuple):
    """One attention over all clips.

    Attributes:
        part: the network that it is in.
        layer: counted from 1.
        width: D of the spikes behind the queries.
        rate: spikes per neuron and valid step in these clips.
        running_rate: that of the training, which stands in scale_2.
        query_deviation: σ_1, the root of the mean variance of the heads' weights.
        key_deviation: σ_2.
        theorem: what Theorem 1 says of the variance for this rate, these σ and steps, divided by
            scale_2².
        variance: of all elements of Q Kᵀ / scale_2 between valid steps.
        within_rows: the mean variance within a row, which is all that softmax sees; for random
            weights 1 - f times (rate / running_rate)².
    """

    part: str
    layer: int
    width: int
    rate: float
    running_rate: float
    query_deviation: float
    key_deviation: float
    theorem: float
    variance: float
    within_rows: float


class Sums:
    """Adds up what one attention does, batch by batch.

    Args:
        attention: watched while the hook is in place.
    """

    def __init__(self, attention: SpikeGeneratedAttention) -> None:
        self.attention = attention
        self.logits = torch.zeros(3, dtype=torch.float64)  # count, sum, sum of squares
        self.rows = torch.zeros(2, dtype=torch.float64)  # count, sum of variances within
        self.spikes = torch.zeros(2, dtype=torch.float64)  # places, spikes behind the queries
        self.key_spikes = torch.zeros(2, dtype=torch.float64)  # those behind the keys
        self.steps = torch.zeros(2, dtype=torch.float64)  # clips, valid steps
        self.hook = attention.register_forward_hook(self._add)

    def _add(self, attention: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        spikes, valid, *rest = inputs
        context, context_valid = rest or (spikes, valid)
        both = valid.any(dim=0) & context_valid.any(dim=0)  # [N]: clips that lack neither
        valid, context_valid = valid & both, context_valid & both
        scores, pairs = self._logits(spikes, valid, context, context_valid)
        kept = scores.masked_select(pairs)
        self.logits += _sums(kept, kept.square())
        self._add_rows(scores, pairs)
        self.spikes += _places_and_spikes(spikes, valid)
        self.key_spikes += _places_and_spikes(context, context_valid)
        self.steps += torch.stack([both.sum(), valid.sum()]).double().cpu()

    def _logits(
        self, spikes: Tensor, valid: Tensor, context: Tensor, context_valid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Q Kᵀ / scale_2 `[N, H, T, S]` in float64, and which elements lie between valid steps."""
        own = self.attention
        query, key = own.query(spikes).double(), own.key(context).double()
        by_head = (x.unflatten(-1, (own.heads, -1)).permute(1, 2, 0, 3) for x in (query, key))
        query, key = by_head  # [N, H, T, d], [N, H, S, d]
        pairs = valid.t().unsqueeze(2) & context_valid.t().unsqueeze(1)  # [N, T, S]
        scale = self.scale(spikes, valid, context, context_valid)[..., None, None]
        return query @ key.transpose(-2, -1) / scale, pairs.unsqueeze(1)

    def scale(
        self, spikes: Tensor, valid: Tensor, context: Tensor, context_valid: Tensor
    ) -> Tensor:
        """scale_2 by head, `[H]`, as the network has it in evaluation."""
        own = self.attention
        rate = own.query_rate(spikes, valid)
        other = own.key_rate(context, context_valid) if own.key_rate is not None else rate
        return attention_scale(
            own.query.weight, own.key.weight, rate, other, own.heads, own.rate_floor
        ).double()

    def _add_rows(self, scores: Tensor, pairs: Tensor) -> None:
        """Add the variance within each row that has two valid keys or more."""
        counts = pairs.sum(dim=-1).double()  # [N, 1, T]
        kept = scores.masked_fill(~pairs, 0.0)
        means = kept.sum(dim=-1) / counts.clamp_min(1.0)  # [N, H, T]
        spread = (scores - means.unsqueeze(-1)).masked_fill(~pairs, 0.0).square().sum(dim=-1)
        wide = (counts > 1).expand_as(means)
        within = (spread / (counts - 1.0).clamp_min(1.0)).masked_select(wide)
        self.rows += _sums(within)


def measure_attention(network: SGMT, batches: Iterable[Batch]) -> list[Measured]:
    """Measure every attention of a network in evaluation mode over the clips that reach it.

    One that no clip reaches, for all lack its modality, is left out.

    Raises:
        UserError: the network has no firing rate.
    """
    places = [
        (stack.name, number, layer.attention)
        for stack in stacks(network)
        for number, layer in enumerate(stack.layers, 1)
    ]
    if any(attention.scale != "theorem" for _, _, attention in places):
        raise UserError("theorem: the run is an ANN twin, whose attention has no firing rate")
    sums = [Sums(attention) for _, _, attention in places]
    try:
        for batch in batches:
            with torch.no_grad():
                x, lengths, present = batch["inputs"], batch["lengths"], batch.get("present")
                network(*network_arguments(x, lengths, present, network.feature_dims))
    finally:
        for total in sums:
            total.hook.remove()
    reached = [(place, total) for place, total in zip(places, sums) if total.steps[0]]
    return [measured(name, number, total) for (name, number, _), total in reached]


def measured(part: str, layer: int, sums: Sums) -> Measured:
    """Means of what was added up."""
    own = sums.attention
    count, total, squares = sums.logits.tolist()
    steps = max(1, round(float(sums.steps[1] / sums.steps[0])))
    setting, training = _settings(sums)
    element: Element = "cross" if setting.is_cross else "mean"
    expected = attention_variance(setting, element, steps)
    element = "cross" if setting.is_cross else "off_diagonal"
    rows = float(sums.rows[1] / sums.rows[0]) if sums.rows[0] else float("nan")
    return Measured(
        part,
        layer,
        own.query.in_features,
        setting.rate,
        float(own.query_rate.running),
        setting.query_deviation,
        setting.key_deviation,
        expected / attention_variance(training, element),
        squares / count - (total / count) ** 2,
        rows,
    )


def measured_table(found: Sequence[Measured]) -> Table:
    """What a trained network makes of it, a line for each attention."""
    lines = []
    for m in found:
        inputs = (m.rate, m.running_rate, m.query_deviation, m.key_deviation)
        variances = (m.theorem, m.variance, m.within_rows)
        numbers = [*(f"{x:.4f}" for x in inputs), *(f"{x:.3f}" for x in variances)]
        lines.append([m.part, str(m.layer), str(m.width), *numbers])
    heads = ["part", "layer", "d_m", "f", "f of training", "σ_1", "σ_2"]
    heads += ["theorem", "measured", "within rows"]
    caption = (
        "Variance of Q Kᵀ / scale_2 in the trained network: what Theorem 1 says for its firing "
        "rate and weights if they were independent, what it is, and what of it softmax sees."
    )
    return Table("measured", caption, heads, lines)


def _settings(sums: Sums) -> tuple[Setting, Setting]:
    """What Theorem 1 is asked of: rates of these clips, and those that stand in scale_2."""
    own = sums.attention
    setting = Setting(
        own.query.in_features,
        own.query.out_features // own.heads,
        _rate(sums.spikes),
        _deviation(own.query.weight, own.heads),
        _deviation(own.key.weight, own.heads),
    )
    training = setting._replace(rate=max(float(own.query_rate.running), own.rate_floor))
    if own.key_rate is None:
        return setting, training
    width, running = own.key.in_features, max(float(own.key_rate.running), own.rate_floor)
    return (
        setting._replace(key_width=width, key_rate=_rate(sums.key_spikes)),
        training._replace(key_width=width, key_rate=running),
    )


def _places_and_spikes(spikes: Tensor, valid: Tensor) -> Tensor:
    """Where spikes `[T, N, D]` could be and how many there are, `[2]`; `valid` is `[T, N]`."""
    fired = spikes.double().masked_fill(~valid.unsqueeze(-1), 0.0).sum()
    return torch.stack([valid.double().sum() * spikes.shape[-1], fired]).cpu()


def _rate(counts: Tensor) -> float:
    """Spikes a place of `[places, spikes]`."""
    return float(counts[1] / counts[0])


def _deviation(weight: Tensor, heads: int) -> float:
    """Root of the mean variance of the heads' weights."""
    by_head = weight.detach().double().reshape(heads, -1)
    return float(by_head.var(dim=1, correction=0).mean().sqrt())


def _sums(*values: Tensor) -> Tensor:
    """How many values there are, and the sum of each kind."""
    sums = [float(kind.sum()) for kind in values]
    return torch.tensor([float(values[0].numel()), *sums], dtype=torch.float64)
