"""Scores by class are those of scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics

from snn_mm.metrics.class_scores import balanced_accuracy, class_scores, macro_f1


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, predicted = rng.integers(0, 4, 60), rng.integers(0, 5, 60)  # class 4 has no sample
    matrix = metrics.confusion_matrix(target, predicted, labels=range(6)).tolist()  # nor has 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = metrics.balanced_accuracy_score(target, predicted)
        precision, recall, f1, samples = metrics.precision_recall_fscore_support(
            target, predicted, labels=range(4)
        )
    assert balanced_accuracy(matrix) == pytest.approx(expected)
    assert macro_f1(matrix) == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    found = class_scores(matrix)
    assert [score.precision for score in found[:4]] == pytest.approx(precision.tolist())
    assert [score.recall for score in found[:4]] == pytest.approx(recall.tolist())
    assert [score.f1 for score in found[:4]] == pytest.approx(f1.tolist())
    assert [score.samples for score in found] == [*samples, 0, 0]
    assert found[5] == (0, 0, None, None, None)


def test_nothing_has_no_score() -> None:
    assert balanced_accuracy([[0, 0], [0, 0]]) is macro_f1([[0, 0], [0, 0]]) is None
