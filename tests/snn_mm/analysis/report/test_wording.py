"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from snn_mm.analysis.report.metric import LABELS, Metric, main_metric
from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.analysis.report.wording import duration, joined, mean_text, signed
from snn_mm.metrics.sentiment import SCORES, Protocol

AIA = "test/average_incremental_accuracy"


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (MeanDeviation(0.87654, 0.0042, 3), "87.65 ± 0.42 (3)"),
        (MeanDeviation(0.5, math.nan, 1), "50.00 (1)"),
        (MeanDeviation(-0.5, 0.0, 2), "−50.00 ± 0.00 (2)"),
        (None, "—"),
    ],
)
def test_mean_deviation_and_number(summary: MeanDeviation | None, expected: str) -> None:
    assert mean_text(summary, 100) == expected


def test_number_may_be_left_out() -> None:
    assert mean_text(MeanDeviation(2.0, 1.0, 3), size=False) == "2.00 ± 1.00"


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
        ("test/mae/fused", False, True),
        ("test/accuracy_2_has0/fused", True, False),
        ("test/f1/fused", True, False),
        ("test/f1_non0/fused", True, False),
        ("test/corr/fused", False, False),
        ("test/average_incremental_accuracy", True, False),
        ("test/average_forgetting", True, True),
        ("test/accuracy/task_3", True, False),
    ],
)
def test_what_a_metric_is(name: str, share: bool, lower: bool) -> None:
    metric = Metric(name)
    assert (metric.is_share, metric.lower_is_better) == (share, lower)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("test/accuracy_2_non0/text", "Acc-2 non-zero"),
        ("val/mae/fused", "MAE"),
        ("test/accuracy/fused", "accuracy"),
        ("test/average_incremental_accuracy", "AIA"),
        ("test/average_forgetting", "AFR"),
    ],
)
def test_scores_are_labelled_as_papers_write_them(name: str, label: str) -> None:
    assert Metric(name).label == label


@pytest.mark.parametrize("protocol", SCORES)
def test_every_score_of_sentiment_has_a_label(protocol: Protocol) -> None:
    assert set(SCORES[protocol].names) <= set(LABELS)


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (["test/mae/fused", "test/accuracy/fused"], "test/accuracy/fused"),
        (["test/accuracy/fused", "test/average_incremental_accuracy"], AIA),
        (["test/mae/fused", "test/accuracy_2/fused"], "test/accuracy_2/fused"),
        (["test/accuracy_2_non0/fused", "test/mae/fused"], "test/mae/fused"),
        (["val/mae/fused", "test/loss", "test/corr"], "test/corr"),
        ([], "test/accuracy/fused"),
    ],
)
def test_runs_are_compared_by_the_first_main_metric_that_is_there(
    available: list[str], chosen: str
) -> None:
    assert main_metric(available) == chosen


def test_runs_of_several_kinds_are_compared_by_what_most_of_them_have() -> None:
    tasks, plain = ["test/accuracy/fused", AIA], ["test/accuracy/fused"]
    assert main_metric(tasks, plain, ["val/loss"]) == "test/accuracy/fused"
    assert main_metric(tasks, tasks, ["val/loss"]) == AIA


@pytest.mark.parametrize(
    ("name", "task"),
    [("test/accuracy/task_12", 12), ("test/accuracy/task_x", None), ("test/accuracy/fused", None)],
)
def test_a_metric_of_a_task_says_which(name: str, task: int | None) -> None:
    assert Metric(name).task == task


@pytest.mark.parametrize(
    ("name", "by_head"),
    [
        ("test/mae/text", "test/mae/text"),
        (AIA, "test/accuracy/fused"),
        ("test/loss", "test/accuracy/fused"),
    ],
)
def test_what_is_known_of_single_heads(name: str, by_head: str) -> None:
    available = [AIA, "test/loss", "test/accuracy/fused", "test/mae/text"]
    assert Metric(name).by_head(available) == Metric(by_head)


def test_differences_keep_their_sign() -> None:
    assert (signed(1.234), signed(-1.0)) == ("+1.23", "−1.00")


def test_long_lists_are_cut_and_counted() -> None:
    assert joined(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"
