"""Scores of a classification by class, from its confusion matrix; numbers only, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Matrix = Sequence[Sequence[float]]
"""Samples of class i that were taken for class j, `[K][K]`."""


class ClassScore(NamedTuple):
    """How well one class is told from the others; None where nothing is to be divided by.

    Attributes:
        samples: of the class.
        predicted: samples that were taken for it.
        precision: share of these that are of the class.
        recall: share of the samples of the class that were taken for it.
        f1: harmonic mean of both; 0 for a class that was missed altogether.
    """

    samples: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


def class_scores(matrix: Matrix) -> list[ClassScore]:
    """Precision, recall and F1 of each class.

    Args:
        matrix: samples of class i that were taken for class j.

    Example:
        >>> [score.recall for score in class_scores([[3, 1], [0, 2]])]
        [0.75, 1.0]
    """
    scores = []
    for k, row in enumerate(matrix):
        hits, samples, predicted = row[k], sum(row), sum(other[k] for other in matrix)
        both = samples + predicted
        scores.append(
            ClassScore(
                int(samples),
                int(predicted),
                hits / predicted if predicted else None,
                hits / samples if samples else None,
                2 * hits / both if both else None,
            )
        )
    return scores


def balanced_accuracy(matrix: Matrix) -> float | None:
    """Mean recall over the classes that have samples; None without any.

    Source: Brodersen et al., 2010, The balanced accuracy and its posterior distribution.

    Args:
        matrix: samples of class i that were taken for class j.

    Example:
        >>> balanced_accuracy([[3, 1], [0, 2]])  # (3/4 + 1) / 2
        0.875
    """
    return _mean([score.recall for score in class_scores(matrix)])


def macro_f1(matrix: Matrix) -> float | None:
    """Mean F1 over the classes that have samples or were predicted; None without any.

    Args:
        matrix: samples of class i that were taken for class j.

    Example:
        >>> macro_f1([[1, 0], [0, 1]])
        1.0
    """
    return _mean([score.f1 for score in class_scores(matrix)])


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
