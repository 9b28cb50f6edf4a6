"""What each modality contributes to a trained network, of its record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from snn_mm.analysis.robustness.conditions import Condition
from snn_mm.analysis.robustness.record import ConditionResult, Record
from snn_mm.metrics.contribution import (
    Coalition,
    coalitions,
    conditional_utilisation,
    shapley_values,
)


@dataclass(frozen=True)
class Contribution:
    """What one modality contributes.

    Attributes:
        shapley: of accuracy, against 1 / K; of scores, of minus the mean absolute error, against
            the neutral score 0.
        shapley_probability: mean over the samples of that of the probability of the true class,
            against 1 / K; None for scores.
        utilisation: conditional utilisation given all others; None for scores.
        alone: accuracy (minus error) of the fused prediction with this modality alone.
        without: that with all others.
    """

    shapley: float
    shapley_probability: float | None
    utilisation: float | None
    alone: float
    without: float


@dataclass(frozen=True)
class SampleWorth:
    """What every coalition is worth, sample by sample.

    Attributes:
        ids: of the samples.
        modalities: those of the network.
        value: v(S) `[N]`: probability of the true class, or minus the absolute error.
        right: whether the fused class is right, `[N]`, for ∅ and where nothing is left 1 / K; None
            for scores.
    """

    ids: list[str]
    modalities: tuple[str, ...]
    value: dict[Coalition, Tensor]
    right: dict[Coalition, Tensor] | None

    @property
    def of_the_set(self) -> dict[Coalition, Tensor]:
        """v(S) of the set, a scalar: accuracy, or minus the mean absolute error."""
        counted = self.value if self.right is None else self.right
        return {coalition: values.mean() for coalition, values in counted.items()}


def worth_of_record(record: Record) -> SampleWorth:
    """What every coalition is worth; samples that have no modality of one count as seeing nothing.

    Args:
        record: holds every choice of present modalities.
    """
    absent = {frozenset(c.present): m for c, m in record.items() if not c.severity}
    whole = max((c for c in record if not c.severity), key=_size)
    clean = record[whole]
    ids = list(clean.worth)
    every = list(coalitions(whole.present))
    found = {each: absent.get(each, ConditionResult({})) for each in every}
    value = {each: _column(ids, m.worth, clean.empty) for each, m in found.items()}
    right = None
    if clean.chance is not None:
        chances = dict.fromkeys(ids, clean.chance)
        right = {each: _column(ids, m.right, chances) for each, m in found.items()}
    return SampleWorth(ids, whole.present, value, right)


def contributions(record: Record) -> dict[str, Contribution]:
    """What each modality contributes, in the network's order."""
    worth = worth_of_record(record)
    values = worth.of_the_set
    shapley, classes = shapley_values(values), worth.right is not None
    each_sample = shapley_values(worth.value)
    utilised = conditional_utilisation(values)
    whole = frozenset(worth.modalities)
    return {
        name: Contribution(
            float(shapley[name]),
            float(each_sample[name].mean()) if classes else None,
            float(utilised[name]) if classes else None,
            float(values[frozenset({name})]),
            float(values[whole - {name}]),
        )
        for name in worth.modalities
    }


def by_name(found: Mapping[str, Contribution], split: str) -> dict[str, float]:
    """Numbers by name, such as `test/shapley/audio`, as `ModalityShapley` logs them too."""
    return {
        f"{split}/{kind}/{modality}": value
        for modality, each in found.items()
        for kind, value in asdict(each).items()
        if value is not None and math.isfinite(value)
    }


def _size(condition: Condition) -> int:
    return len(condition.present)


def _column(ids: list[str], known: Mapping[str, float], empty: Mapping[str, float]) -> Tensor:
    values = [known[name] if name in known else empty[name] for name in ids]
    return torch.tensor(values, dtype=torch.float64)
