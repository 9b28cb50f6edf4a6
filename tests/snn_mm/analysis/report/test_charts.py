"""Charts are sound SVG that says what it shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from snn_mm.analysis.report.charts import (
    BOTTOM,
    COLOURS,
    FEW,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Dot,
    Line,
    line_chart,
    scatter_chart,
    standalone,
)
from snn_mm.analysis.report.curves import Point

SVG = "{http://www.w3.org/2000/svg}"
RISING = [Point(0, 50.0, 45.0, 55.0), Point(1, 60.0, 58.0, 62.0), Point(2, 90.0, 85.0, 105.0)]


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 made here


def paths(svg: str, kind: str) -> list[str]:
    found = parse(svg).findall(f"{SVG}path")
    return [p.get("d", "") for p in found if kind in p.get("class", "").split()]


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def chart(*lines: Line, bounds: tuple[float, float] = (0, 100)) -> str:
    return line_chart("c", "a <b> & c", "accuracy [%]", lines, bounds)


def test_a_curve_spans_the_axis_and_rises() -> None:
    (path,) = paths(chart(Line("A", 0, RISING)), "line")
    (x0, y0), _, (x2, y2) = places(path)
    assert (x0, x2) == (LEFT, WIDTH - RIGHT)
    assert y2 < y0 < HEIGHT - BOTTOM


def test_a_band_ends_where_values_do() -> None:
    svg = chart(Line("A", 0, RISING))
    (path,) = paths(svg, "band")
    assert len(places(path)) == 2 * len(RISING)
    assert min(y for _, y in places(path)) == pytest.approx(12.0)


def test_a_faint_curve_has_neither_band_nor_letter() -> None:
    svg = chart(Line("A", 0, RISING), Line("A", 0, RISING, faint=True))
    assert len(paths(svg, "band")) == 1
    assert len(paths(svg, "faint")) == 1
    assert svg.count(">A</text>") == 1


def test_one_epoch_is_a_dot() -> None:
    svg = chart(Line("A", 0, RISING[:1]))
    assert len(parse(svg).findall(f"{SVG}circle")) == 1


def test_of_any_two_curves_colour_or_stroke_differs() -> None:
    for colours in ((0, COLOURS), range(2 * COLOURS)):
        svg = chart(*(Line(str(colour), colour, RISING) for colour in colours))
        looks = [p.get("class") for p in parse(svg).iter(f"{SVG}path")]
        lines = [look for look in looks if look and look.startswith("line ")]
        assert len(set(lines)) == len(lines) == len(colours)


def test_of_more_than_four_curves_neighbours_have_a_stroke_of_their_own() -> None:
    few, many = (chart(*(Line("A", c, RISING) for c in range(n))) for n in (FEW, FEW + 1))
    assert [len(paths(svg, "s1")) for svg in (few, many)] == [0, 1]
    assert [len(paths(svg, "s2")) for svg in (few, many)] == [0, 1]


def test_a_grey_curve_lies_behind_without_band_and_letter() -> None:
    svg = chart(Line("A", 0, RISING), Line("B", 1, RISING, grey=True))
    looks = [p.get("class", "") for p in parse(svg).iter(f"{SVG}path")]
    assert [look for look in looks if look.startswith("line")] == ["line c1 grey", "line c0"]
    assert len(paths(svg, "band")) == 1
    assert ">B<" not in svg


def test_title_and_description_are_read_out() -> None:
    root = parse(chart(Line("A", 0, RISING)))
    title, described = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert described is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert title.text == "a <b> & c"
    assert described.text == "A: 50 at epoch 0, 90 at epoch 2."


def test_scatter_marks_lie_inside_and_carry_letters() -> None:
    dots = [Dot("A", 0, 1.0, 60.0, 0.1, 2.0), Dot("B", 1, 2.0, 70.0)]
    svg = scatter_chart("s", "t", "energy", "accuracy", dots)
    circles = parse(svg).findall(f"{SVG}circle")
    xs = [float(c.get("cx", 0)) for c in circles]
    assert LEFT < xs[0] < xs[1] < WIDTH
    assert ">A</text>" in svg


def test_a_file_of_its_own_brings_its_style() -> None:
    assert "--c0" in standalone(chart(Line("A", 0, RISING)))
    parse(standalone(chart(Line("A", 0, RISING))))
