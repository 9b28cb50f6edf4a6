"""What settings touch, what training touches, and what both do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from snn_mm.commands.resuming.merge import ConflictError, merge


@pytest.mark.parametrize(
    ("before", "now", "saved", "merged"),
    [
        (1, 1, 2, 2),
        (1, 3, 1, 3),
        ({"a": 1, "b": 0}, {"a": 2, "b": 0}, {"a": 1, "b": 7}, {"a": 2, "b": 7}),
        ([{"lr": 0.1}], [{"lr": 0.2}], [{"lr": 0.1, "own": 1}], [{"lr": 0.2, "own": 1}]),
        ({"a": 1, "old": 2}, {"a": 1, "new": 3}, {"a": 5, "old": 2}, {"a": 5, "new": 3}),
        ([1], [2, 3], [1], [2, 3]),
        (float("nan"), float("nan"), 1.0, 1.0),
        ({"a": 0.1 + 0.2}, {"a": 1.0}, {"a": 0.3}, {"a": 1.0}),
    ],
)
def test_what_training_left_alone_is_as_the_settings_say(
    before: Any, now: Any, saved: Any, merged: Any
) -> None:
    assert merge(before, now, saved) == merged


@pytest.mark.parametrize(
    ("before", "now", "saved"),
    [
        ({"lr": 0.1}, {"lr": 0.2}, {"lr": 0.05}),
        ({"lr": 0.1}, {}, {"lr": 0.05}),
        ({"lr": torch.zeros(2)}, {"lr": torch.ones(2)}, {"lr": torch.full((2,), 2.0)}),
        ({"lr": [1]}, {"lr": [2, 3]}, {"lr": [4]}),
    ],
)
def test_what_both_have_changed_is_a_conflict(before: Any, now: Any, saved: Any) -> None:
    with pytest.raises(ConflictError, match="lr"):
        merge(before, now, saved)
