"""MultiBench's robustness, against a fine integral and against its own code's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from snn_mm.metrics.robustness import effective_robustness, relative_robustness


def test_relative_robustness_is_the_area_whatever_the_number_of_levels() -> None:
    for levels in (2, 6, 11):
        sigma = np.linspace(0, 1, levels)
        line = 0.9 - 0.5 * sigma
        assert relative_robustness(list(line)) == pytest.approx(0.65, abs=1e-12)
        assert relative_robustness([0.7] * levels) == pytest.approx(0.7, abs=1e-12)
    curve = np.random.default_rng(0).uniform(size=6)
    area = np.trapezoid(curve, np.linspace(0, 1, 6))
    assert relative_robustness(list(curve)) == pytest.approx(area, abs=1e-12)


def test_eleven_levels_have_the_area_of_multibench_code() -> None:
    curve = np.random.default_rng(1).uniform(size=11)
    theirs = sum((curve[i] + curve[i + 1]) * 0.1 / 2 for i in range(10))
    assert relative_robustness(list(curve)) == pytest.approx(theirs, abs=1e-12)


def test_effective_robustness_is_blind_to_where_a_curve_begins() -> None:
    random = np.random.default_rng(2)
    curve, baseline = random.uniform(size=(2, 6))
    found = effective_robustness(list(curve), list(baseline))
    assert effective_robustness(list(curve + 0.3), list(baseline)) == pytest.approx(found)
    assert effective_robustness(list(curve), list(baseline - 0.2)) == pytest.approx(found)
    assert effective_robustness(list(curve), list(curve - 0.1)) == pytest.approx(0, abs=1e-12)
    steeper = curve - 0.2 * np.linspace(0, 1, 6)
    assert effective_robustness(list(steeper), list(curve)) == pytest.approx(-0.1)
    with pytest.raises(ValueError, match="argument 2"):
        effective_robustness([0.5, 0.4], [0.5])
