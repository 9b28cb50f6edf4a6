from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from snn_mm.figures.factors import condense, draw_factors
from snn_mm.figures.style import save_figure


def factor_rows(steps: int = 40) -> list[dict[str, str]]:
    return [
        {"step": str(step), "epoch": str(step // 10), "name": name, "value": str(value)}
        for step in range(steps)
        for name, value in (("iemf/xi", 1.2), ("gradient_norm/a", 2.0 ** -(step % 9)))
    ]


def test_condensing_keeps_means_and_range() -> None:
    y = np.array([1.0, 3.0, 5.0, 9.0])
    curve = condense(np.arange(4), y, points=2)
    assert curve.x.tolist() == [0.5, 2.5]
    assert curve.mean.tolist() == [2, 7]
    assert (curve.low.tolist(), curve.high.tolist()) == ([1, 5], [3, 9])


def test_condensed_stretches_are_equally_long_but_for_the_last() -> None:
    curve = condense(np.arange(7), np.arange(7.0), points=4)
    assert curve.x.tolist() == [0.5, 2.5, 4.5, 6.0]


def test_condensing_leaves_out_what_is_not_finite() -> None:
    curve = condense(np.arange(3), np.array([np.inf, 2.0, np.nan]))
    assert curve.mean.tolist() == [2]
    assert condense(np.arange(1), np.array([np.nan])).mean.size == 0


def test_factors_have_a_panel_a_prefix_with_gradients_last_and_named_axes() -> None:
    first, second = draw_factors(factor_rows()).axes[:2]
    assert (first.get_ylabel(), second.get_ylabel()) == ("IEMF", "gradient norm")
    assert second.get_xlabel() == "optimizer step"
    assert (first.get_yscale(), second.get_yscale()) == ("linear", "log")
    (line,) = [line for line in first.lines if line.get_label() == "ξ"]
    assert line.get_ydata().tolist() == [1.2] * 40  # type: ignore[union-attr]


def test_the_axis_above_counts_epochs_from_one() -> None:
    (above,) = draw_factors(factor_rows()).axes[0].child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == ["1", "2", "3", "4"]


def test_ratios_and_factors_of_modalities_have_panels_of_their_own() -> None:
    rows = [
        {"step": "0", "epoch": "0", "name": f"loss_adjustment/{name}", "value": value}
        for name, value in (("k_a", "0.3"), ("k_b", "1.0"), ("rho_a", "9.0"), ("rho_b", "0.1"))
    ]
    panels = draw_factors(rows).axes[:2]
    assert [panel.get_ylabel() for panel in panels] == ["loss adjustment k", "loss adjustment ρ"]
    labels = [[line.get_label() for line in panel.lines[:2]] for panel in panels]
    assert labels == [["a", "b"]] * 2


def test_a_factor_that_is_never_finite_is_no_error() -> None:
    row = {"step": "0", "epoch": "0", "name": "gradient_norm/a", "value": "inf"}
    assert draw_factors([row]).axes


def test_file_is_a_png_and_no_setting_changes(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    save_figure(draw_factors(factor_rows()), tmp_path / "figures" / "factors.png")
    assert dict(mpl.rcParams) == before
    (file,) = (tmp_path / "figures").iterdir()
    assert file.read_bytes().startswith(b"\x89PNG")
