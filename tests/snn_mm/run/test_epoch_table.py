from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.run.epoch_table import EpochTable


@pytest.fixture
def table(tmp_path: Path) -> EpochTable:
    made = EpochTable(tmp_path / "table.csv", ("epoch", "value"))
    made.append([(0, 0.25), (1, 0.5)])
    made.append([(2, "1,5")])
    return made


def test_rows_come_back_in_order(table: EpochTable) -> None:
    values = [(row["epoch"], row["value"]) for row in table.rows()]
    assert values == [("0", "0.25"), ("1", "0.5"), ("2", "1,5")]
    assert table.path.read_text().count("epoch") == 1


def test_keep_drops_rows_and_leaves_no_other_file(table: EpochTable) -> None:
    table.keep(lambda row: int(row["epoch"]) < 1)
    assert [row["epoch"] for row in table.rows()] == ["0"]
    assert [path.name for path in table.path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("tail", ["3,0.", "3", "3\r\n"])
def test_a_line_cut_short_is_not_read_and_gone_after_keep(table: EpochTable, tail: str) -> None:
    with table.path.open("a", newline="") as file:
        file.write(tail)
    assert [row["epoch"] for row in table.rows()] == ["0", "1", "2"]
    table.keep(lambda row: True)
    table.append([(3, 4)])
    assert [row["epoch"] for row in table.rows()] == ["0", "1", "2", "3"]


def test_no_file_has_no_rows_and_stays_absent(tmp_path: Path) -> None:
    table = EpochTable(tmp_path / "none.csv", ("epoch",))
    table.keep(lambda row: False)
    assert list(table.rows()) == []
    assert not table.path.exists()
