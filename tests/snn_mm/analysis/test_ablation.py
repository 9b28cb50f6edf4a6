"""γ and the three variants, of made runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_runs import callback, write_run
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from snn_mm.analysis.ablation import (
    ablation_table,
    at_gamma,
    check_ablation,
    draw_ablation,
    gamma_series,
)
from snn_mm.analysis.variants import Variant
from snn_mm.errors import UserError

VariantsIn = Callable[[Path], list[Variant]]
METRIC = "test/accuracy/fused"


@pytest.fixture
def variants(tmp_path: Path, variants_in: VariantsIn) -> list[Variant]:
    for seed in (0, 1):
        up = 0.02 * seed
        write_run(tmp_path / f"v{seed}", seed=seed, joint_weight=0.0, test=0.60 + up)
        write_run(tmp_path / f"j{seed}", seed=seed, test=0.65 + up)
        for gamma, test in ((0.1, 0.66), (1.0, 0.70), (5.0, 0.64)):
            iemf = [callback("IEMF", gamma=gamma)]
            write_run(tmp_path / f"i{gamma}-{seed}", seed=seed, callbacks=iemf, test=test + up)
    return variants_in(tmp_path)


def test_gammas_are_in_order(variants: list[Variant]) -> None:
    assert [v.gamma for v in gamma_series(variants)["Normal"]] == [0.1, 1.0, 5.0]


def test_the_bars_beside_vanilla_are_of_one_gamma(variants: list[Variant]) -> None:
    assert [v.title for v in at_gamma(variants, 5.0)] == [
        "vanilla",
        "joint learning",
        "IEMF, γ = 5",
    ]


def test_table_compares_with_vanilla_and_joint_learning_over_shared_seeds(
    variants: list[Variant],
) -> None:
    rows = {(str(r[1]), str(r[2])): list(r[3:]) for r in ablation_table(variants, METRIC).rows}
    assert rows["vanilla", "—"] == ["61.00 ± 1.41 (2)", "—", "−5.00 (p = 0.5)"]
    assert rows["joint learning", "—"] == ["66.00 ± 1.41 (2)", "+5.00 (p = 0.5)", "—"]
    assert rows["IEMF", "1"] == ["71.00 ± 1.41 (2)", "+10.00 (p = 0.5)", "+5.00 (p = 0.5)"]
    assert rows["IEMF", "5"][1:] == ["+4.00 (p = 0.5)", "−1.00 (p = 0.5)"]


def heights(panel: Axes) -> list[float]:
    """What bars, or points with whiskers where the axis does not start at zero, show."""
    points = [y for series in panel.containers for y in _values(series)]
    return [float(y) for y in points]


def _values(series: Any) -> list[float]:
    if isinstance(series, ErrorbarContainer):
        return list(series.lines[0].get_ydata())
    return [patch.get_height() for patch in series.patches]


def test_figure_has_values_by_gamma_with_the_baselines_as_lines(variants: list[Variant]) -> None:
    gammas, kinds = draw_ablation(variants, METRIC, gamma=1.0).axes
    assert heights(gammas) == pytest.approx([67, 71, 65])
    dashed = [line.get_ydata()[0] for line in gammas.lines if line.get_linestyle() == "--"]
    assert dashed == pytest.approx([61, 66])
    assert heights(kinds) == pytest.approx([61, 66, 71])


def test_one_gamma_and_a_baseline_need_one_panel(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "v", joint_weight=0.0, test=0.6)
    write_run(tmp_path / "i", callbacks=[callback("IEMF", gamma=1.0)], test=0.7)
    (panel,) = draw_ablation(variants_in(tmp_path), METRIC, gamma=1.0).axes
    assert heights(panel) == pytest.approx([60, 70])


def test_values_far_apart_are_bars_and_close_ones_points(
    tmp_path: Path, variants_in: VariantsIn
) -> None:
    for name, low in (("far", 0.2), ("close", 0.69)):
        write_run(tmp_path / name / "v", joint_weight=0.0, test=low)
        write_run(tmp_path / name / "i", callbacks=[callback("IEMF", gamma=1.0)], test=0.7)
    far, close = (
        draw_ablation(variants_in(tmp_path / name), METRIC, gamma=1.0).axes[0]
        for name in ("far", "close")
    )
    assert len(far.patches) == 2
    assert far.get_ylim()[0] == 0
    assert len(close.patches) == 0
    assert close.get_ylim()[0] > 60


def test_runs_that_vary_nothing_are_refused(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "i", callbacks=[callback("IEMF", gamma=1.0)])
    with pytest.raises(UserError, match="vary nothing: Normal, IEMF"):
        check_ablation(variants_in(tmp_path), gamma=1.0)
