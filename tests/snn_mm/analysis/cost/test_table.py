"""Costs of made runs, by hand: seeds, equal thresholds, partners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_runs import callback, write_run

from snn_mm.analysis.cost.figure import draw_cost
from snn_mm.analysis.cost.table import CostComparison, compare_costs, cost_table, scaled_unit
from snn_mm.analysis.variants import Variant
from snn_mm.errors import UserError

VariantsIn = Callable[[Path], list[Variant]]
METRIC = "val/accuracy/fused"
CURVE = (0.1, 0.3, 0.5)


@pytest.fixture
def costs(tmp_path: Path, variants_in: VariantsIn) -> CostComparison:
    """Thresholds are 0.8, 0.7, 0.6, 0.5 and 0.4: errors 0.8 to 0.4 belong to all four curves."""
    iemf = [callback("IEMF", gamma=1.0)]
    write_run(tmp_path / "v0", joint_weight=0.0, curve=(0.1, 0.25, 0.35, 0.55, 0.65))
    write_run(tmp_path / "v1", seed=1, joint_weight=0.0, curve=(0.1, 0.1, 0.35, 0.45, 0.6))
    write_run(tmp_path / "i0", callbacks=iemf, curve=(0.2, 0.55, 0.65, 0.7, 0.7))
    write_run(tmp_path / "i1", seed=1, callbacks=iemf, curve=(0.1, 0.45, 0.65, 0.7, 0.65))
    return compare_costs(variants_in(tmp_path), [10.0, 20.0], METRIC)


def test_thresholds_are_those_of_all_curves_together(costs: CostComparison) -> None:
    assert costs.thresholds == pytest.approx([0.8, 0.7, 0.6, 0.5, 0.4])


def test_epochs_and_costs_by_seed(costs: CostComparison) -> None:
    vanilla, iemf = costs.rows
    assert vanilla.epochs == {"0": [2, 3, 4, 4, 5], "1": [3, 3, 4, 5, 5]}
    assert iemf.epochs == {"0": [1, 2, 2, 2, 3], "1": [2, 2, 2, 3, 3]}
    assert vanilla.costs == pytest.approx({"0": 36.0, "1": 40.0})
    assert iemf.costs == pytest.approx({"0": 40.0, "1": 48.0})


def test_reduction_is_against_vanilla_and_negative_where_it_costs_more(
    costs: CostComparison,
) -> None:
    vanilla, iemf = costs.rows
    assert costs.reduction(vanilla) is None
    assert costs.reduction(iemf) == pytest.approx(1 - 44 / 38)
    last = [row[-1] for row in cost_table(costs).rows]
    assert last == ["—", "−15.8 (p = 0.5)"]


def test_table_has_mean_and_deviation_over_seeds(costs: CostComparison) -> None:
    first = cost_table(costs).rows[0]
    assert first[2:7] == ["2.5 ± 0.7", "3.0 ± 0.0", "4.0 ± 0.0", "4.5 ± 0.7", "5.0 ± 0.0"]
    assert first[8] == "38.00 ± 2.83 (2)"


def test_figure_has_a_bar_for_each_method_and_a_line_for_each_threshold(
    costs: CostComparison,
) -> None:
    curves, bars = draw_cost(costs, METRIC).axes
    assert [patch.get_height() for patch in bars.patches] == pytest.approx([38.0, 44.0])
    levels = [line.get_ydata()[0] for line in curves.lines if len(set(line.get_ydata())) == 1]
    assert levels == pytest.approx([80, 70, 60, 50, 40])


def test_curves_of_five_families_have_a_colour_each(
    tmp_path: Path, variants_in: VariantsIn
) -> None:
    for name in ("OGM", "OGMGE", "MSLR", "AGM", "LFM"):
        write_run(tmp_path / name, callbacks=[callback(name)], curve=CURVE)
    variants = variants_in(tmp_path)
    curves, _ = draw_cost(compare_costs(variants, [1.0] * 5, METRIC), METRIC).axes
    drawn = [line for line in curves.lines if len(line.get_xdata()) == len(CURVE)]
    assert len({line.get_color() for line in drawn}) == 5


def test_a_run_without_the_metric_is_named(tmp_path: Path, variants_in: VariantsIn) -> None:
    run = write_run(tmp_path / "a")
    with pytest.raises(UserError, match=rf"{run}: metrics.csv has no val/accuracy/audio"):
        compare_costs(variants_in(tmp_path), [1.0], "val/accuracy/audio")


def test_units_follow_the_largest_cost() -> None:
    assert scaled_unit([2e9, 5e11], "FLOPs") == (1e9, "GFLOPs")
    assert scaled_unit([3e15], "FLOPs") == (1e15, "PFLOPs")
    assert scaled_unit([12.5, 2e6], "epochs") == (1.0, "epochs")
