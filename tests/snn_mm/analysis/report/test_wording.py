"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from snn_mm.analysis.report.statistics import Summary
from snn_mm.analysis.report.wording import Metric, duration, joined, mean_text, signed


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (Summary(0.87654, 0.0042, 3), "87.65 ± 0.42 (3)"),
        (Summary(0.5, math.nan, 1), "50.00 (1)"),
        (Summary(-0.5, 0.0, 2), "−50.00 ± 0.00 (2)"),
        (None, "—"),
    ],
)
def test_mean_deviation_and_number(summary: Summary | None, expected: str) -> None:
    assert mean_text(summary, 100) == expected


def test_number_may_be_left_out() -> None:
    assert mean_text(Summary(2.0, 1.0, 3), size=False) == "2.00 ± 1.00"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(42.4, "42 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_a_person_does(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("name", "share", "lower"),
    [
        ("test/accuracy/fused", True, False),
        ("test/loss", False, True),
        ("test/mae", False, True),
        ("test/f1/fused", False, False),
    ],
)
def test_what_a_metric_is(name: str, share: bool, lower: bool) -> None:
    metric = Metric(name)
    assert (metric.is_share, metric.lower_is_better) == (share, lower)


def test_differences_keep_their_sign() -> None:
    assert (signed(1.234), signed(-1.0)) == ("+1.23", "−1.00")


def test_long_lists_are_cut_and_counted() -> None:
    assert joined(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"
