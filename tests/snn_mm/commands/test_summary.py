from pathlib import Path

import pytest

from snn_mm.commands.summary import print_metrics, print_summary, summary_rows
from snn_mm.run.directory import RunDirectory, write_json

TEST = {
    "test/accuracy/audio": 0.5,
    "test/accuracy/fused": 0.75,
    "test/accuracy/visual": 0.25,
    "test/firing_rate/audio": 0.125,
    "test/loss": 1.0,
}


def test_rows_hold_accuracies_with_the_fused_one_last_rates_coefficient_and_place(
    tmp_path: Path,
) -> None:
    rows = summary_rows(TEST, 1.25, RunDirectory(tmp_path))
    assert rows == [
        ("test accuracy, audio", "0.5000"),
        ("test accuracy, visual", "0.2500"),
        ("test accuracy, fused", "0.7500"),
        ("mean firing rate, audio", "0.1250"),
        ("IEMF coefficient ξ, last epoch", "1.2500"),
        ("run directory", str(tmp_path)),
    ]


def test_scores_of_sentiment_are_those_of_the_fused_head_and_the_error_of_every_head(
    tmp_path: Path,
) -> None:
    test = {
        "test/accuracy_2/fused": 0.75,
        "test/accuracy_2/text": 0.5,
        "test/corr/fused": None,  # a constant has none
        "test/f1/fused": 0.625,
        "test/mae/fused": 0.25,
        "test/mae/text": 0.375,
    }
    assert summary_rows(test, None, RunDirectory(tmp_path))[:-1] == [
        ("test Acc-2, fused", "0.7500"),
        ("test F1, fused", "0.6250"),
        ("test MAE, text", "0.3750"),
        ("test MAE, fused", "0.2500"),
    ]


def test_a_sequence_of_tasks_has_its_scores_in_the_table(tmp_path: Path) -> None:
    test = {"test/average_forgetting": -0.0125, "test/average_incremental_accuracy": 0.9}
    assert summary_rows(test, None, RunDirectory(tmp_path))[:-1] == [
        ("average incremental accuracy", "0.9000"),
        ("average forgetting", "-0.0125"),
    ]


def test_energy_stands_in_the_table_where_it_was_estimated(tmp_path: Path) -> None:
    energy = {"test/energy/compute_uj": 3.149, "test/energy/memory_uj": 202.3}
    rows = summary_rows(energy, None, RunDirectory(tmp_path))
    assert rows[:2] == [
        ("energy per sample, compute", "3.15 µJ"),
        ("energy per sample, memory", "202 µJ"),
    ]


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    rows = summary_rows({"test/accuracy/audio": None}, None, RunDirectory(tmp_path))
    assert rows == [("run directory", str(tmp_path))]


@pytest.mark.parametrize("column", ["iemf/xi", "iemf/xi_epoch"])
def test_the_coefficient_is_the_last_that_was_logged(
    column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory(tmp_path)
    write_json(run.results, {"test": TEST})
    run.metrics.write_text(f"{column},step\r\n1.5,0\r\n1.25,1\r\n,2\r\n")
    print_summary(run)
    assert "IEMF coefficient ξ, last epoch  1.2500" in capsys.readouterr().out


def test_metrics_that_are_no_numbers_are_shown_as_a_dash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_metrics({"test/loss": None, "test/accuracy/fused": 0.5})
    assert capsys.readouterr().out == "test/loss            -\ntest/accuracy/fused  0.5000\n"
