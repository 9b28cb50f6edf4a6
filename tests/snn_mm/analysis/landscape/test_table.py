from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.analysis.landscape.probe import Value
from snn_mm.analysis.landscape.table import PointTable, read_values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def test_a_point_is_on_the_disk_as_soon_as_it_is_added(path: Path) -> None:
    PointTable(path).add((0.1, -0.2), Value(1 / 3, 0.5))
    assert read_values(path) == {(0.1, -0.2): Value(1 / 3, 0.5)}


def test_a_line_cut_short_is_dropped_and_written_over(path: Path) -> None:
    table = PointTable(path)
    table.add((0.0, 0.0), Value(1.0, 0.5))
    table.add((1.0, 0.0), Value(2.0, 0.25))
    path.write_text(path.read_text()[:-3])  # "0.25\n" loses its end, and would read as 0.
    again = PointTable(path)
    assert again.values == {(0.0, 0.0): Value(1.0, 0.5)}
    again.add((1.0, 0.0), Value(2.0, 0.25))
    assert path.read_text().splitlines()[1:] == ["0.0,0.0,1.0,0.5", "1.0,0.0,2.0,0.25"]


def test_even_the_header_may_be_cut_short(path: Path) -> None:
    path.write_text("x,y,lo")
    assert PointTable(path).values == {}
    assert path.read_text() == "x,y,loss,accuracy\n"


def test_the_finished_file_is_in_the_order_of_the_grid(path: Path) -> None:
    table = PointTable(path)
    for x in (1.0, 0.0):
        table.add((x, 0.0), Value(x, x))
    table.finish([(0.0, 0.0), (1.0, 0.0)])
    assert path.read_text() == "x,y,loss,accuracy\n0.0,0.0,0.0,0.0\n1.0,0.0,1.0,1.0\n"


def test_a_loss_that_overflowed_survives_the_file(path: Path) -> None:
    PointTable(path).add((0.0, 0.0), Value(float("inf"), 0.1))
    assert read_values(path)[0.0, 0.0].loss == float("inf")
