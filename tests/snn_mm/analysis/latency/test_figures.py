"""What the figures of a study of latency show."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from snn_mm.analysis.latency.figures import HALF, name_lines
from snn_mm.figures.style import STYLE, panels


@mpl.rc_context(STYLE)
@pytest.mark.parametrize("letters", [HALF, 100])
def test_names_of_methods_end_within_the_figure(letters: int) -> None:
    figure, [[panel]] = panels(1, 1, 2.0)
    for kind in ("trained", "int8"):
        panel.plot([0, 1], [0, 1], label=f"{'n' * (letters - 9)}: {kind}")
    name_lines(figure, panel)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.x1
