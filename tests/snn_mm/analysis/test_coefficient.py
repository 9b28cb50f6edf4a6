"""ξ and accuracy by epoch, of made runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_runs import callback, write_run

from snn_mm.analysis.coefficient import (
    coefficient_table,
    curves_table,
    draw_coefficient,
    select_modulated,
)
from snn_mm.analysis.variants import Variant
from snn_mm.errors import UserError

VariantsIn = Callable[[Path], list[Variant]]
METRIC = "val/accuracy/fused"
IEMF = [callback("IEMF", gamma=1.0)]


@pytest.fixture
def variant(tmp_path: Path, variants_in: VariantsIn) -> Variant:
    write_run(tmp_path / "0", callbacks=IEMF, curve=(0.4, 0.6, 0.8), xi=(1.2, 1.5, 1.1))
    write_run(tmp_path / "1", seed=1, callbacks=IEMF, curve=(0.5, 0.7, 0.9), xi=(1.4, 1.3, 1.1))
    (found,) = select_modulated(variants_in(tmp_path))
    return found


def test_curve_is_the_mean_over_seeds_with_epochs_from_one(variant: Variant) -> None:
    points = variant.group.curve("iemf/xi")
    assert [point.epoch for point in points] == [1, 2, 3]
    assert [point.mean for point in points] == pytest.approx([1.3, 1.4, 1.1])
    assert points[0].high - points[0].mean == pytest.approx(0.1 * 2**0.5)


def test_table_tells_begin_peak_and_end(variant: Variant) -> None:
    (row,) = coefficient_table([variant], METRIC).rows
    assert row == ["Normal, IEMF", "1.3000", "1.4000", "2", "1.1000", "45.00", "85.00 ± 7.07"]


def test_every_point_is_kept_for_another_figure(variant: Variant) -> None:
    rows = curves_table([variant], METRIC).rows
    assert [(row[1], row[2], row[5]) for row in rows] == [
        ("1", "0.45", "1.3"),
        ("2", "0.65", "1.4"),
        ("3", "0.85", "1.1"),
    ]


def test_figure_has_accuracy_left_and_the_coefficient_dashed_right(variant: Variant) -> None:
    left, right = draw_coefficient([variant], METRIC).axes
    assert left.lines[0].get_ydata() == pytest.approx([45, 65, 85])
    assert right.lines[0].get_ydata() == pytest.approx([1.3, 1.4, 1.1])
    assert right.lines[0].get_linestyle() == "--"


def test_panels_share_their_scales_and_axes_are_named(variant: Variant) -> None:
    figure = draw_coefficient([variant, variant._replace(gamma=None)], METRIC)
    first, second, *rights = figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert rights[0].get_ylim() == rights[1].get_ylim()
    names = first.get_ylabel(), rights[0].get_ylabel()
    assert names == ("validation accuracy, fused, %", "IEMF ξ")


def test_runs_without_a_coefficient_are_left_out(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "a", callbacks=IEMF, xi=(1.2, 1.1))
    write_run(tmp_path / "b")
    assert [v.kind for v in select_modulated(variants_in(tmp_path))] == ["IEMF"]


def test_no_coefficient_at_all_is_refused_and_a_run_is_named(
    tmp_path: Path, variants_in: VariantsIn
) -> None:
    run = write_run(tmp_path / "b")
    with pytest.raises(UserError, match=rf"no run logged iemf/xi.*\nfirst: {run}"):
        select_modulated(variants_in(tmp_path))
