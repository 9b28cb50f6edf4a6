"""What figures share."""

from __future__ import annotations

import pytest

from snn_mm.figures.style import panels, write_out


@pytest.mark.parametrize(("low", "high", "said"), [(0.2, 3.0, "0.2"), (1.4, 6.6, "2")])
def test_a_logarithmic_axis_says_numbers_and_no_powers(low: float, high: float, said: str) -> None:
    figure, [[panel]] = panels(1, 1, 2.0)
    panel.plot([low, high], [0, 1])
    panel.set_xscale("log")
    write_out(panel.xaxis)
    figure.draw_without_rendering()
    axis = panel.xaxis
    labels = [tick.label1.get_text() for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())]
    assert said in labels
    assert not any("times" in label or "e" in label for label in labels)
