"""Confusions of the runs of one row are added up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.groups import compare
from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.run_files import read_run
from snn_mm.analysis.report.sections.classes import (
    Confusion,
    class_section,
    confusion_chart,
    pooled_confusion,
)

MakeRun = Callable[..., Path]
LIBRARY = Library({}, frozenset())


def with_classes(path: Path, matrix: Any, names: Any = ("no", "yes")) -> Path:
    file = path / "results.json"
    classes = {"names": list(names), "confusion": {"fused": matrix}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "classes": classes}))
    return path


def test_folds_are_added_up_in_one_matrix(make_run: MakeRun) -> None:
    matrices = [[[3, 1], [0, 2]], [[1, 1], [2, 0]]]
    paths = [
        with_classes(make_run(f"a/{i}", **{"data.folds": {"k": 2}, "data.fold": i}), matrix)
        for i, matrix in enumerate(matrices)
    ]
    comparison = compare([read_run(path) for path in paths], LIBRARY)
    pooled = pooled_confusion(comparison.groups[0].counted)
    assert pooled == (["no", "yes"], [[4, 2], [2, 2]], 2)
    section = class_section(comparison)
    assert section is not None
    figure, table = section.blocks
    first = [cell.text for cell in table.cells[0][2:]]  # type: ignore[union-attr]
    assert first == ["no", "6", "66.7", "66.7", "66.7", "yes (2)"]
    last = [cell.text for cell in table.cells[-1][2:]]  # type: ignore[union-attr]
    assert last[:2] == ["all", "10"]
    assert last[3] == "58.3"  # (4/6 + 2/4) / 2
    assert ">67</text>" in figure.panels[0].svg  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("matrix", "names"),
    [([[1, 0]], ["no", "yes"]), ([[1, "x"], [0, 1]], ["no", "yes"]), (None, ["no"]), ([[1]], None)],
)
def test_a_damaged_matrix_is_left_out(make_run: MakeRun, matrix: Any, names: Any) -> None:
    path = with_classes(make_run("a/0"), matrix, names or [])
    comparison = compare([read_run(path)], LIBRARY)
    assert class_section(comparison) is None


def test_runs_of_other_classes_are_not_added(make_run: MakeRun) -> None:
    paths = [
        with_classes(make_run("a/0", seed=0), [[1, 0], [0, 1]]),
        with_classes(make_run("a/1", seed=1), [[1, 0], [0, 1]], ("left", "right")),
    ]
    assert class_section(compare([read_run(path) for path in paths], LIBRARY)) is None


def test_names_are_escaped() -> None:
    chart = confusion_chart("x", "t", Confusion(["<b>", "a&b"], [[1, 2], [3, 4]], 1))
    assert "<b>" not in chart
    assert "&lt;b&gt;" in chart
