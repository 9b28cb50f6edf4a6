"""The drawn matrix: numbers in their cells, curves over tasks, a run that still goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from snn_mm.figures.style import save_figure
from snn_mm.figures.task_matrix import draw_task_matrix, finished_part

NAN = float("nan")
FULL = torch.tensor([[0.9, NAN, NAN], [0.7, 0.8, NAN], [0.4, 0.5, 0.6]])
HALF = torch.tensor([[0.9, NAN, NAN], [0.7, 0.8, NAN], [NAN, NAN, NAN]])


def test_every_number_stands_in_its_cell() -> None:
    panel = draw_task_matrix(FULL).axes[0]
    found = {text.get_position(): text.get_text() for text in panel.texts}
    expected = {(0, 0): "90.0", (0, 1): "70.0", (1, 1): "80.0"}
    expected |= {(0, 2): "40.0", (1, 2): "50.0", (2, 2): "60.0"}
    assert found == expected


def test_tasks_have_the_numbers_of_every_other_record() -> None:
    panel = draw_task_matrix(FULL).axes[0]
    for labels in (panel.get_xticklabels(), panel.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["0", "1", "2"]


def test_what_is_above_the_diagonal_is_not_drawn() -> None:
    assert len(draw_task_matrix(torch.rand(3, 3)).axes[0].texts) == 6


def test_curves_are_averages_and_the_task_just_learned() -> None:
    averages, fresh = draw_task_matrix(FULL).axes[1].lines
    assert averages.get_ydata().tolist() == pytest.approx([90, 75, 50])
    assert fresh.get_ydata().tolist() == pytest.approx([90, 80, 60])
    assert averages.get_xdata() == pytest.approx([1, 2, 3])


def test_the_headline_has_the_scores_of_the_released_reading() -> None:
    improving = torch.tensor([[0.5, 0.0], [0.8, 0.9]])
    title = draw_task_matrix(improving).axes[1].get_title(loc="left")
    assert title == "AIA 67.5 %, AFR -30.0 points"


@pytest.mark.parametrize("matrix", [HALF, HALF[:2]])
def test_a_run_that_goes_on_is_drawn_as_far_as_it_is(matrix: torch.Tensor) -> None:
    figure = draw_task_matrix(matrix)
    assert figure.axes[0].images[0].get_array().shape == (3, 3)
    assert len(figure.axes[0].texts) == 3
    assert figure.axes[1].get_title(loc="left") == "AIA 82.5 %, AFR 20.0 points"
    assert figure.axes[1].get_xlim()[1] > 3


def test_before_the_first_task_is_done_no_curve_is_drawn() -> None:
    assert not draw_task_matrix(torch.full((2, 2), NAN)).axes[1].lines


@pytest.mark.parametrize(("matrix", "tasks"), [(FULL, 3), (HALF, 2), (torch.zeros(4, 4), 4)])
def test_the_finished_part_ends_with_the_last_tested_task(matrix: torch.Tensor, tasks: int) -> None:
    assert torch.equal(finished_part(matrix).nan_to_num(), matrix[:tasks, :tasks].nan_to_num())


@pytest.mark.parametrize(("tasks", "ticks"), [(1, [1]), (3, [1, 2, 3]), (25, [*range(1, 26, 3)])])
def test_tasks_learned_are_whole_numbers(tasks: int, ticks: list[int]) -> None:
    figure = draw_task_matrix(torch.full((tasks, tasks), 0.5))
    assert figure.axes[1].get_xticks().tolist() == ticks


def test_the_legend_covers_no_curve() -> None:
    figure = draw_task_matrix(torch.zeros(10, 10))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_window_extent().y1 < figure.axes[1].get_window_extent().y0


def test_the_file_is_a_picture(tmp_path: Path) -> None:
    save_figure(draw_task_matrix(FULL), tmp_path / "figures" / "matrix.png")
    picture = imread(tmp_path / "figures" / "matrix.png")
    assert len(np.unique(picture[..., 0])) > 10
