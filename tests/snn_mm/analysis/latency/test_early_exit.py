"""Early exit by confidence, against counting by hand."""

from __future__ import annotations

import random

import pytest

from snn_mm.analysis.latency.early_exit import THRESHOLDS, early_exit, reliability
from snn_mm.analysis.latency.record import TrialResult
from snn_mm.analysis.latency.study import exit_curve
from snn_mm.analysis.latency.trials import Trial

STEPS, SAMPLES = 4, 30


def drawn() -> tuple[list[list[float]], list[list[float]]]:
    source = random.Random(0)  # noqa: S311 made-up numbers
    confidence = [[source.random() for _ in range(STEPS)] for _ in range(SAMPLES)]
    right = [[float(source.random() < 0.5) for _ in range(STEPS)] for _ in range(SAMPLES)]
    return confidence, right


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.9, 1.1])
def test_a_sample_leaves_with_the_answer_of_its_first_sure_step(threshold: float) -> None:
    confidence, right = drawn()
    cost = [1.0, 3.0, 4.0, 9.0]
    hits, steps, spent = 0.0, 0, 0.0
    for own, answers in zip(confidence, right, strict=True):
        t = 0
        while t < STEPS - 1 and own[t] < threshold:
            t += 1
        hits, steps, spent = hits + answers[t], steps + t + 1, spent + cost[t]
    point = early_exit(confidence, right, cost, threshold)
    assert point.accuracy == pytest.approx(hits / SAMPLES)
    assert point.steps == pytest.approx(steps / SAMPLES)
    assert point.cost == pytest.approx(spent / SAMPLES)
    assert sum(point.leaving) == pytest.approx(1)
    if threshold > 1:
        assert point.steps == STEPS
    if threshold == 0:
        assert point.leaving == (1.0, 0.0, 0.0, 0.0)


def test_the_curve_of_a_run_ends_at_the_trained_number_of_steps() -> None:
    confidence, right = drawn()
    names = [f"clip{n}" for n in range(SAMPLES)]
    record = {
        Trial("trained", t + 1): TrialResult(
            {"energy/compute_uj": float(t + 1)},
            dict(zip(names, (c[t] for c in confidence), strict=True)),
            dict(zip(names, (r[t] for r in right), strict=True)),
        )
        for t in range(STEPS)
    }
    curve = exit_curve(record, 3)
    assert [point.threshold for point in curve] == list(THRESHOLDS)
    assert curve[-1].steps == pytest.approx(curve[-1].cost)
    assert curve[-1].accuracy == pytest.approx(sum(r[2] for r in right) / SAMPLES)
    assert all(len(point.leaving) == 3 for point in curve)
    del record[Trial("trained", 1)]  # T is a part of its shape
    assert exit_curve(record, 3) == []


def test_reliability_holds_every_sample_once_and_its_gaps_are_the_calibration_error() -> None:
    confidence, right = ([row[0] for row in rows] for rows in drawn())
    bins = reliability([*confidence, 1.0], [*right, 1.0])
    assert sum(each.samples for each in bins) == SAMPLES + 1
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    bins = reliability(confidence, right)
    error = sum(each.samples * abs(each.confidence - each.accuracy) for each in bins) / SAMPLES
    # torchmetrics takes a probability and whether it came true: the same for a binary task
    theirs = binary_calibration_error(torch.tensor(confidence), torch.tensor(right).int(), 15)
    assert error == pytest.approx(float(theirs), abs=1e-6)
