"""AA, AIA, F and AFR against sums written out, and where the readings of F differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.metrics.continual_scores import (
    Best,
    average_accuracy,
    average_forgetting,
    average_incremental_accuracy,
    forgetting,
)

FALLING = [[0.9, 0.0, 0.0], [0.7, 0.8, 0.0], [0.4, 0.5, 0.6]]


def matrix_of(tasks: int) -> Tensor:
    return torch.rand(tasks, tasks).double().tril()


def looped_forgetting(a: np.ndarray, best: Best) -> list[float]:
    """The paper's formula with its indices, which count from 1."""
    result = []
    for k in range(2, len(a) + 1):
        drops = []
        for j in range(1, k):
            first = 1 if best == "printed" else j
            last = k if best == "ever" else k - 1
            drops.append(max(a[i - 1, j - 1] for i in range(first, last + 1)) - a[k - 1, j - 1])
        result.append(sum(drops) / (k - 1))
    return result


def test_scores_of_three_tasks_by_hand() -> None:
    a = torch.tensor(FALLING).double()
    assert average_accuracy(a).tolist() == pytest.approx([0.9, 0.75, 0.5])
    assert average_incremental_accuracy(a).item() == pytest.approx((0.9 + 0.75 + 0.5) / 3)
    assert forgetting(a).tolist() == pytest.approx([0.2, (0.5 + 0.3) / 2])
    assert average_forgetting(a).item() == pytest.approx(0.3)


@pytest.mark.parametrize("best", ["released", "printed", "ever"])
@pytest.mark.parametrize("tasks", [2, 5])
def test_forgetting_equals_the_formula(best: Best, tasks: int) -> None:
    a = torch.rand(tasks, tasks).double()
    expected = looped_forgetting(a.numpy(), best)
    assert forgetting(a, best).tolist() == pytest.approx(expected, rel=1e-12)
    assert average_forgetting(a, best).item() == pytest.approx(sum(expected) / len(expected))


@pytest.mark.parametrize("unknown", [0.0, torch.nan])
def test_a_task_without_logits_makes_the_printed_formula_the_released_one(unknown: float) -> None:
    a = matrix_of(4)
    above = torch.ones(4, 4).triu(1).bool()
    printed = forgetting(a.masked_fill(above, unknown), "printed")
    assert printed.tolist() == forgetting(a).tolist()


def test_a_lucky_guess_before_the_task_counts_in_the_printed_formula_alone() -> None:
    a = torch.tensor([[0.9, 0.7, 0.0], [0.9, 0.5, 0.0], [0.9, 0.4, 0.6]]).double()
    assert forgetting(a, "printed")[-1].item() == pytest.approx(0.3 / 2)
    assert forgetting(a, "released")[-1].item() == pytest.approx(0.1 / 2)


def test_a_task_that_improves_is_negative_forgetting_unless_the_best_is_the_best_ever() -> None:
    a = torch.tensor([[0.5, 0.0], [0.8, 0.9]]).double()
    assert forgetting(a, "released").item() == pytest.approx(-0.3)
    assert forgetting(a, "ever").item() == 0.0


def test_above_the_diagonal_nothing_is_read() -> None:
    a = matrix_of(4)
    hidden = a.masked_fill(torch.ones(4, 4).triu(1).bool(), torch.nan)
    assert average_accuracy(hidden).tolist() == average_accuracy(a).tolist()
    assert forgetting(hidden).tolist() == forgetting(a).tolist()


def test_one_task_has_an_accuracy_and_no_forgetting() -> None:
    a = torch.tensor([[0.7]])
    assert average_incremental_accuracy(a).item() == pytest.approx(0.7)
    assert len(forgetting(a)) == 0
    assert average_forgetting(a).isnan()


@pytest.mark.parametrize("shape", [(0, 0), (2, 3), (3,)])
def test_what_is_not_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"is \[K, K\]"):
        average_accuracy(torch.zeros(shape))


def test_a_gap_below_the_diagonal_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        forgetting(torch.tensor([[0.5, 0.0], [torch.nan, 0.9]]))


def test_an_unknown_reading_is_refused() -> None:
    with pytest.raises(UserError, match="accepted: released, printed, ever"):
        forgetting(matrix_of(2), "best")  # type: ignore[arg-type]
