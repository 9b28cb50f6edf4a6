"""What a report says of runs that learned in tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.document import Section, Table
from snn_mm.analysis.report.groups import Comparison, compare
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.run_files import read_run
from snn_mm.analysis.report.sections.results import Results, results_section
from snn_mm.analysis.report.sections.scores import task_table
from snn_mm.analysis.report.sections.trends import learning_section

MakeRun = Callable[..., Path]
MakeTaskRun = Callable[..., Path]
AIA = Metric("test/average_incremental_accuracy")
IEMF = {"trainer.callbacks": [{"class_path": "snn_mm.callbacks.IEMF", "init_args": {}}]}
SCORES = {"average_incremental_accuracy": 0.5, "average_forgetting": 0.25, "average_accuracy": 0.4}
HEADS = {"accuracy/fused": 0.4, "accuracy/audio": 0.1, "accuracy/visual": 0.2}


@pytest.fixture
def make_task_run(make_run: MakeRun) -> MakeTaskRun:
    """Writes a run of two tasks: `make_task_run("a/0", method="LwF", memory=0, **config)`."""

    def make(
        name: str,
        method: str = "Finetune",
        tasks: int = 2,
        scores: dict[str, float] | None = None,
        **changes: Any,
    ) -> Path:
        own = {key: changes.pop(key) for key in ("memory", "protocol") if key in changes}
        learned = {"memory": 0, "exemplar_batch": 32, "protocol": "incremental", **own}
        digits = {"class_path": "datamodules.SpokenDigitsEvents", "init_args": {"root": name}}
        data = {
            "class_path": "datamodules.IncrementalScenario",
            "init_args": {"data": digits, **learned},
        }
        method_config = {
            "class_path": f"snn_mm.modules.continual.methods.{method}",
            "init_args": {},
        }
        path = make_run(name, data=data, **{"model.method": method_config}, **changes)
        by_task = {f"accuracy/task_{task}": task / 100 for task in range(tasks)}
        test = {f"test/{k}": v for k, v in {**HEADS, **by_task, **SCORES, **(scores or {})}.items()}
        (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}))
        return path

    return make


def gather(*paths: Path) -> Comparison:
    return compare([read_run(path) for path in paths], Library({}, frozenset()))


def tables(comparison: Comparison, metric: Metric = AIA) -> dict[str, Table]:
    section: Section = results_section(Results(comparison, metric))
    return {block.name: block for block in section.blocks if isinstance(block, Table)}


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row[1:]] for row in table.cells]


def test_tasks_are_no_modalities(make_task_run: MakeTaskRun) -> None:
    table = tables(gather(make_task_run("a/0")))["unimodal"]
    assert list(table.columns) == ["Method", "audio", "visual"]
    assert texts(table) == [["10.00 (1)", "20.00 (1)"]]
    assert table.caption.startswith("test/accuracy/* of each modality alone")


def test_tasks_have_a_folded_table_in_the_order_of_their_numbers(
    make_task_run: MakeTaskRun,
) -> None:
    table = tables(gather(make_task_run("a/0", tasks=12)))["tasks"]
    assert list(table.columns) == ["Method", "Data set", *(f"task {task}" for task in range(12))]
    digits = "IncrementalScenario of SpokenDigitsEvents"
    assert texts(table)[0][:3] == [digits, "0.00 (1)", "1.00 (1)"]
    assert texts(table)[0][11] == "10.00 (1)"
    assert table.folded


def test_incremental_accuracy_stands_beside_forgetting_of_which_less_is_better(
    make_task_run: MakeTaskRun,
) -> None:
    paths = make_task_run("a/0"), make_task_run("b/0", scores={"average_forgetting": 0.1}, **IEMF)
    table = tables(gather(*paths))["continual"]
    assert list(table.columns) == ["Method", "AIA", "AFR", "AA"]
    assert texts(table) == [
        ["50.00 (1)", "25.00 (1)", "40.00 (1)"],
        ["50.00 (1)", "10.00 (1)", "40.00 (1)"],
    ]
    assert [row[2].bold for row in table.cells] == [False, True]


def test_runs_without_tasks_have_no_such_tables(make_run: MakeRun) -> None:
    comparison = gather(make_run("a/0"))
    assert task_table(comparison) is None
    assert list(tables(comparison, Metric("test/accuracy/fused"))) == ["results"]


def test_rows_are_methods_with_and_without_iemf_in_one_column(make_task_run: MakeTaskRun) -> None:
    comparison = gather(
        make_task_run("a/0"),
        make_task_run("b/0", **IEMF),
        make_task_run("c/0", method="SSIL", memory=80),
        make_task_run("d/0", method="Joint", protocol="joint"),
    )
    assert comparison.datasets == ["IncrementalScenario of SpokenDigitsEvents"]
    assert comparison.methods == [
        "IEMFModule · Finetune · Concat · SNN T=4",
        "IEMFModule · Joint · Concat · SNN T=4",
        "IEMFModule · SSIL · Concat · SNN T=4",
        "IEMFModule · Finetune · Concat · IEMF · SNN T=4",
    ]


def test_one_method_with_two_memories_makes_two_rows(make_task_run: MakeTaskRun) -> None:
    few, many = (make_task_run(f"a/{n}", method="SSIL", memory=n) for n in (20, 80))
    assert [name.rsplit(" · ")[-1] for name in gather(few, many).methods] == [
        "memory=20",
        "memory=80",
    ]


def test_curves_are_those_of_the_heads(make_task_run: MakeTaskRun) -> None:
    section = learning_section(gather(make_task_run("a/0")), AIA)
    assert [panel.title for block in section.blocks for panel in block.panels] == ["fused", "audio"]  # type: ignore[union-attr]


def test_kinds_of_questions_are_no_modalities(make_run: MakeRun) -> None:
    path = make_run("a/0")
    kinds = ("accuracy_audio/fused", "accuracy_audio_visual_counting/fused")
    test = {f"test/{name}": 0.5 for name in (*HEADS, *kinds)}
    (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}))
    table = tables(gather(path), Metric("test/accuracy/fused"))["unimodal"]
    assert list(table.columns) == ["Method", "audio", "visual"]


@pytest.mark.parametrize("name", ["test/loss", "test/accuracy/fused"])
def test_modalities_are_shown_whatever_is_compared(make_task_run: MakeTaskRun, name: str) -> None:
    table = tables(gather(make_task_run("a/0", scores={"loss": 2.0})), Metric(name))["unimodal"]
    assert list(table.columns) == ["Method", "audio", "visual"]
