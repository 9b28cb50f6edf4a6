from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_mm.callbacks.modulation.functional.ogm_ge import cosine_probability, ogm_coefficients


def test_modality_ahead_is_slowed_down_by_eq_10_and_the_other_is_not() -> None:
    coefficients = ogm_coefficients({"audio": 1.25, "visual": 0.8}, alpha=0.8)
    e = math.exp(2 * 0.8 * 1.25)
    assert coefficients["audio"] == pytest.approx(1 - (e - 1) / (e + 1), rel=1e-12)
    assert coefficients["visual"] == 1.0


def test_balance_changes_nothing() -> None:
    assert ogm_coefficients({"a": 1.0, "b": 1.0}) == {"a": 1.0, "b": 1.0}


def test_coefficient_jumps_just_above_balance() -> None:
    assert ogm_coefficients({"a": 1 + 1e-12})["a"] == pytest.approx(0.33596, abs=1e-5)


def test_hopeless_lead_stops_a_modality() -> None:
    assert ogm_coefficients({"a": 1e12, "b": 0.0}) == {"a": 0.0, "b": 1.0}


def test_several_of_three_can_be_slowed_down_at_once() -> None:
    coefficients = ogm_coefficients({"a": 2.0, "b": 1.5, "c": 0.1}, alpha=0.1)
    assert coefficients == pytest.approx(
        {"a": 1 - math.tanh(0.2), "b": 1 - math.tanh(0.15), "c": 1}
    )


def test_cosine_score_is_the_softmax_of_cosines_of_samples_that_are_right() -> None:
    logits = torch.randn(20, 3, dtype=torch.float64) * 4
    target = torch.randint(0, 3, (20,))
    scores = cosine_probability(logits, target)
    for o, y, score in zip(logits.numpy(), target.tolist(), scores.tolist()):
        p = np.exp(np.cos(o)) / np.exp(np.cos(o)).sum()
        assert score == pytest.approx(p[y] if o.argmax() == y else 0.0, rel=1e-12)
    assert 0 < int((scores > 0).sum()) < 20
