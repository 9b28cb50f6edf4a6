"""Tables of a small confusion, written out."""

from __future__ import annotations

import numpy as np
import torch

from snn_mm.analysis.classes.study import Classified, confusion
from snn_mm.analysis.classes.tables import confusion_table, layout_table, recall_table
from snn_mm.contracts import FUSED

ANSWERS = {"audio": [0, 0, 1, 2, 2], FUSED: [0, 1, 1, 2, 2]}
FOUND = Classified(
    list("abcde"),
    torch.tensor([0, 0, 0, 2, 2]),
    ["x", "y", "z"],
    {},
    {name: torch.eye(3)[torch.tensor(said)] for name, said in ANSWERS.items()},
)


def texts(table: object) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.cells]  # type: ignore[attr-defined]


def test_shares_of_each_class_and_what_the_fusion_takes_it_for() -> None:
    table = recall_table(FOUND, confusion(FOUND))
    assert list(table.columns) == ["Class", "Samples", "audio, %", "fused, %", "Taken for (fused)"]
    assert texts(table) == [
        ["x", "3", "66.7", "33.3", "y (2)"],
        ["y", "0", "—", "—", ""],
        ["z", "2", "100.0", "100.0", ""],
        ["all", "5", "80.0", "60.0", ""],
    ]


def test_the_confusion_has_a_line_for_each_output_and_class() -> None:
    table = confusion_table(FOUND, confusion(FOUND))
    assert list(table.columns) == ["Output", "Class", "x", "y", "z"]
    assert texts(table)[0] == ["audio", "x", "2", "1", "0"]
    assert texts(table)[3:] == [
        ["fused", "x", "1", "2", "0"],
        ["fused", "y", "0", "0", "0"],
        ["fused", "z", "0", "0", "2"],
    ]


def test_places_are_those_of_the_chosen_samples() -> None:
    points = np.array([1, 4])
    table = layout_table(FOUND, points, {"audio": None, FUSED: np.array([[1.0, 2.0], [3.0, 4.0]])})
    assert list(table.columns) == ["id", "class", "audio_x", "audio_y", "fused_x", "fused_y"]
    assert texts(table) == [
        ["b", "x", "", "", "1.000", "2.000"],
        ["e", "z", "", "", "3.000", "4.000"],
    ]
