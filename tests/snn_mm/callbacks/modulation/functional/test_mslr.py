from __future__ import annotations

import pytest

from snn_mm.callbacks.modulation.functional.mslr import accuracy_ratio, smooth_scale


def test_smooth_goes_straight_from_the_common_to_the_own_rate_and_stays() -> None:
    scales = [smooth_scale(0.2, epoch, ramp_epochs=4) for epoch in range(7)]
    assert scales == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])


def test_ratio_compares_the_last_accuracy_with_the_window_before_it() -> None:
    assert accuracy_ratio([0.9, 0.2, 0.4, 0.6], window=2) == pytest.approx(0.6 / 0.3)


def test_ratio_waits_for_one_more_accuracy_than_the_window() -> None:
    assert accuracy_ratio([0.1] * 4 + [0.9], window=5) == 1.0
    assert accuracy_ratio([0.1] * 5 + [0.9], window=5) == pytest.approx(9.0)


def test_accuracies_of_zero_say_nothing() -> None:
    assert accuracy_ratio([0.0, 0.0, 0.5], window=2) == 1.0
