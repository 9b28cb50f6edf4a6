from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from snn_mm.figures.attention import draw_attention, edges

SCORES = {
    "fused": [[0.5, 0.3, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]],
    "audio": [[0.25] * 4, [0.0, 0.0, 0.25, 0.75]],
}
"""By output, epoch and time step."""


def rows() -> list[dict[str, str]]:
    return [
        {"epoch": str(epoch), "output": name, "time_step": str(step), "score": str(score)}
        for name, epochs in SCORES.items()
        for epoch, steps in enumerate(epochs)
        for step, score in enumerate(steps)
    ]


def mesh_of(panel: Axes) -> QuadMesh:
    (mesh,) = (item for item in panel.collections if isinstance(item, QuadMesh))
    return mesh


def test_each_output_is_a_map_of_epochs_by_time_steps_and_the_fusion_comes_last() -> None:
    panels = draw_attention(rows()).axes[:2]
    assert [panel.get_title(loc="left") for panel in panels] == ["audio", "fused"]
    for panel in panels:
        expected = np.array(SCORES[panel.get_title(loc="left")]).T  # [E, T] -> [T, E]
        assert mesh_of(panel).get_array().tolist() == expected.tolist()
        assert (panel.get_xlim(), panel.get_ylim()) == ((0.5, 2.5), (0.5, 4.5))


def test_a_time_step_that_matters_as_any_other_is_white_in_every_panel() -> None:
    for panel in draw_attention(rows()).axes[:2]:
        assert mesh_of(panel).to_rgba(0.25)[:3] == pytest.approx((0.97, 0.97, 0.97), abs=0.01)


def test_nearly_equal_scores_do_not_look_like_structure() -> None:
    flat = [{**row, "score": "0.2501" if row["epoch"] == "0" else "0.2499"} for row in rows()]
    (panel, *_) = draw_attention(flat).axes
    assert min(mesh_of(panel).to_rgba(0.2501)[:3]) > 0.9


def test_cells_end_midway_between_recorded_epochs() -> None:
    assert edges(np.array([1, 2, 4])).tolist() == [0.5, 1.5, 3.0, 5.0]
    assert edges(np.array([7])).tolist() == [6.5, 7.5]
