"""What each modality is worth for one sample, and what changes without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.contracts import FUSED, Batch
from snn_mm.metrics.coalitions import keep_only, predict
from snn_mm.metrics.contribution import Coalition, coalitions, shapley_values


class CoalitionSays(NamedTuple):
    """What a network says of one sample by the modalities that are present.

    Attributes:
        said: fused probabilities `[K]`, or the score `[]`; of ∅ 1 / K, or 0.
        modalities: those of the network.
    """

    said: dict[Coalition, Tensor]
    modalities: tuple[str, ...]

    def shapley(self, of_class: int | None) -> dict[str, float]:
        """Shapley value of each modality: of the probability of a class, or of the score."""
        values = {c: x if of_class is None else x[of_class] for c, x in self.said.items()}
        return {name: float(value) for name, value in shapley_values(values).items()}


@torch.no_grad()
def ask_coalitions(asked: Asked) -> CoalitionSays:
    """Ask for every choice of modalities.

    Args:
        asked: about a batch of one; a modality that it lacks adds nothing.
    """
    module, sample, names = asked.module, asked.batch, tuple(asked.module.modalities)
    whole = asked.answer.heads[FUSED][0].double().cpu()
    neutral = torch.full_like(whole, 1.0 / len(whole)) if whole.dim() else torch.zeros_like(whole)
    said = {frozenset(names): whole}
    for coalition in coalitions(names):
        if coalition not in said:
            said[coalition] = _ask(module, sample, names, coalition, neutral)
    return CoalitionSays(said, names)


def _ask(
    module: Any, sample: Batch, names: tuple[str, ...], coalition: Coalition, neutral: Tensor
) -> Tensor:
    if not coalition:
        return neutral
    kept = keep_only(sample, names, coalition)
    if not len(kept["target"]):  # it has none of them
        return neutral
    said: Mapping[str, Tensor] = predict(module, kept)
    return said[FUSED][0].double().cpu()
