"""The table of all sentiment scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison, compare
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.run_files import read_run
from snn_mm.analysis.report.sections.results import Results, results_section
from snn_mm.analysis.report.sections.scores import score_tables

MakeRun = Callable[..., Path]
IEMF = {"trainer.callbacks": [{"class_path": "snn_mm.callbacks.IEMF", "init_args": {}}]}


@pytest.fixture
def compared(make_run: MakeRun) -> Callable[..., Comparison]:
    """Compares two methods, each one run with the test scores given."""

    def compared(*scores: dict[str, float]) -> Comparison:
        paths = [make_run("a/0", accuracy=None), make_run("b/0", accuracy=None, **IEMF)]
        for path, values in zip(paths, scores):
            test = {f"test/{name}": value for name, value in values.items()}
            (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}))
        return compare([read_run(path) for path in paths], Library({}, frozenset()))

    return compared


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row[1:]] for row in table.cells]


def test_scores_stand_in_the_order_of_papers_each_in_its_unit(
    compared: Callable[..., Comparison],
) -> None:
    first = {"mae/fused": 0.3, "corr/fused": 0.7, "accuracy_2/fused": 0.75, "f1/fused": 0.74}
    second = {"mae/fused": 0.2, "corr/fused": 0.6, "accuracy_2/text": 0.5}
    (table,) = score_tables(compared(first, second))
    assert list(table.columns) == ["Method", "Acc-2", "F1", "MAE", "Corr"]
    assert texts(table) == [
        ["75.00 (1)", "74.00 (1)", "0.3000 (1)", "0.7000 (1)"],
        ["—", "—", "0.2000 (1)", "0.6000 (1)"],
    ]


def test_the_smallest_error_and_the_largest_correlation_are_bold(
    compared: Callable[..., Comparison],
) -> None:
    (table,) = score_tables(
        compared({"mae/fused": 0.3, "corr/fused": 0.7}, {"mae/fused": 0.2, "corr/fused": 0.6})
    )
    assert [[cell.bold for cell in row[1:]] for row in table.cells] == [
        [False, True],
        [True, False],
    ]


def test_runs_without_sentiment_have_no_such_table(compared: Callable[..., Comparison]) -> None:
    comparison = compared({"accuracy/fused": 0.5}, {"accuracy/fused": 0.6})
    assert score_tables(comparison) == []
    section = results_section(Results(comparison, Metric("test/accuracy/fused")))
    assert [b.name for b in section.blocks if isinstance(b, Table)] == ["results", "paired"]


def test_results_say_where_less_is_better(compared: Callable[..., Comparison]) -> None:
    comparison = compared({"mae/fused": 0.3, "mae/text": 0.5}, {"mae/fused": 0.2})
    section = results_section(Results(comparison, Metric("test/mae/fused")))
    tables = {b.name: b for b in section.blocks if isinstance(b, Table)}
    assert list(tables) == ["results", "scores", "unimodal", "paired"]
    assert tables["results"].caption.startswith("test/mae/fused, less is better: mean")
    assert texts(tables["unimodal"]) == [["0.5000 (1)"], ["—"]]


def test_the_linear_model_stands_beside_the_networks(make_run: MakeRun) -> None:
    paths = [make_run("a/0", accuracy=0.5), make_run("b/0", accuracy=0.6, **IEMF)]
    results = json.loads((paths[1] / "results.json").read_text())
    results["linear_probe"] = {"accuracy": {"audio": 0.25, "fused": 0.75}}
    (paths[1] / "results.json").write_text(json.dumps(results))
    comparison = compare([read_run(path) for path in paths], Library({}, frozenset()))
    section = results_section(Results(comparison, Metric("test/accuracy/fused")))
    table = next(b for b in section.blocks if isinstance(b, Table) and b.name == "linear")
    heads = ["audio, network", "audio, linear", "fused, network", "fused, linear"]
    assert list(table.columns) == ["Method", "Data set", *heads]
    ((_, *found),) = texts(table)
    assert found == ["—", "25.00 (1)", "60.00 (1)", "75.00 (1)"]
