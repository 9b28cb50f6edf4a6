"""Stopping as soon as the network is sure; pure functions of confidences by time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Confidences at which a sample may leave; nearly none reaches 1."""

BINS = 15
"""Of a reliability diagram, as Guo et al. (2017) have them."""


@dataclass(frozen=True)
class ExitPoint:
    """A point of the curve of early exit.

    Attributes:
        threshold: of the confidence.
        accuracy: of the predictions with which samples left.
        steps: mean number of time steps that they stayed.
        cost: mean of what their steps cost.
        leaving: share of the samples that left after each step.
    """

    threshold: float
    accuracy: float
    steps: float
    cost: float
    leaving: tuple[float, ...]


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of about the same confidence.

    Attributes:
        confidence: their mean.
        accuracy: share of them that is right.
        samples: how many.
    """

    confidence: float
    accuracy: float
    samples: int


def exit_step(confidences: Sequence[float], threshold: float) -> int:
    """The first step, counted from 1, whose confidence reaches a threshold; else the last.

    Args:
        confidences: of one sample after each step, the largest class probability.
        threshold: at or above which it leaves.

    Example:
        >>> exit_step([0.4, 0.8, 0.7], 0.75), exit_step([0.4, 0.8, 0.7], 0.9)
        (2, 3)
    """
    sure = (step for step, value in enumerate(confidences, 1) if value >= threshold)
    return next(sure, len(confidences))


def early_exit(
    confidence: Sequence[Sequence[float]],
    right: Sequence[Sequence[float]],
    cost: Sequence[float],
    threshold: float,
) -> ExitPoint:
    """Accuracy, steps and cost if samples leave as soon as the network is sure of them.

    Args:
        confidence: by sample, after each of T steps.
        right: whether the prediction after a step is right, likewise.
        cost: of an inference of 1, ..., T steps.
        threshold: of the confidence.

    Example:
        >>> point = early_exit([[0.9, 1.0], [0.4, 0.6]], [[1, 1], [0, 1]], [2.0, 4.0], 0.8)
        >>> point.accuracy, point.steps, point.cost
        (1.0, 1.5, 3.0)
    """
    left = [exit_step(values, threshold) for values in confidence]
    return ExitPoint(
        threshold,
        fmean(each[step - 1] for each, step in zip(right, left, strict=True)),
        fmean(left),
        fmean(cost[step - 1] for step in left),
        tuple(left.count(step) / len(left) for step in range(1, len(cost) + 1)),
    )


def reliability(
    confidence: Sequence[float], right: Sequence[float], bins: int = BINS
) -> list[ReliabilityBin]:
    """Accuracy by confidence, bins of equal width without the empty ones.

    Args:
        confidence: of each sample, in [0, 1].
        right: whether its prediction is right.
        bins: how many.

    Example:
        >>> reliability([0.91, 0.99, 0.2], [1, 0, 0], bins=2)[1]
        ReliabilityBin(confidence=0.95, accuracy=0.5, samples=2)
    """
    held: dict[int, list[tuple[float, float]]] = {}
    for pair in zip(confidence, right, strict=True):
        held.setdefault(min(int(pair[0] * bins), bins - 1), []).append(pair)
    return [
        ReliabilityBin(fmean(c for c, _ in own), fmean(r for _, r in own), len(own))
        for _, own in sorted(held.items())
    ]
