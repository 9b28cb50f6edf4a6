"""What the figures show, read from their artists."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_mm.analysis.classes.figures import NAMED, draw_confusion, draw_layouts
from snn_mm.contracts import FUSED


def names(count: int) -> list[str]:
    return [f"class {label}" for label in range(count)]


def test_a_confusion_shows_shares_of_the_true_class() -> None:
    counts = {"audio": torch.tensor([[3, 1, 0], [0, 0, 0], [2, 0, 2]])}
    figure = draw_confusion(counts, names(3))
    panel = figure.axes[0]
    shares = panel.images[0].get_array()
    assert shares is not None
    expected = [[0.75, 0.25, 0], [np.nan] * 3, [0.5, 0, 0.5]]
    np.testing.assert_array_equal(np.ma.filled(shares, np.nan), expected)
    assert [text.get_text() for text in panel.texts] == ["75", "25", "50", "50"]
    assert panel.get_title(loc="left") == "audio: 62.5 % right"
    assert [tick.get_text() for tick in panel.get_yticklabels()] == names(3)


@pytest.mark.parametrize("outputs", [2, 3, 4])
@pytest.mark.parametrize("classes", [2, 31, NAMED + 1])
def test_every_output_has_a_panel_and_names_of_few_classes_are_shown(
    outputs: int, classes: int
) -> None:
    counts = {f"m{index}": torch.eye(classes) for index in range(outputs)}
    figure = draw_confusion(counts, names(classes))
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title(loc="left") for panel in panels] == [
        f"{n}: 100.0 % right" for n in counts
    ]
    assert len(panels[0].get_xticklabels()) == (classes if classes <= NAMED else 0)


def test_a_layout_has_a_colour_and_marker_of_its_own_for_each_class() -> None:
    target = np.arange(31).repeat(2)
    placed = {"audio": np.random.default_rng(0).normal(size=(62, 2)), FUSED: None}
    figure = draw_layouts(placed, target, names(31))
    drawn, empty = figure.axes
    assert [text.get_text() for text in empty.texts] == ["all alike, or too few"]
    assert [p.get_title(loc="left") for p in figure.axes] == ["audio: features", "fused: logits"]
    found = np.concatenate([dots.get_offsets() for dots in drawn.collections])
    np.testing.assert_array_equal(found, placed["audio"])
    handles = figure.legends[0].legend_handles
    looks = {(tuple(h.get_color()), h.get_marker()) for h in handles}  # type: ignore[union-attr]
    assert len(looks) == 31
    assert not draw_layouts({FUSED: None}, target, names(NAMED + 1)).legends
