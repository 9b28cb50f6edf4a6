"""Values of optimizers and schedules that torch does not look at."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from snn_mm.errors import UserError
from snn_mm.modules.optimizers import check_options, try_schedule


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lrr": 1.0}, r"groups\.audio: unknown option lrr\naccepted: lr, betas"),
        ({"lr": -1.0}, r"groups\.audio: Invalid learning rate: -1\.0"),
        ({"lr": "fast"}, r"groups\.audio: .*'str'"),
        ({"betas": (2.0, 0.9)}, r"groups\.audio: Invalid beta"),
    ],
)
def test_options_of_a_group_are_checked_as_the_optimizers_own(
    options: dict[str, Any], message: str
) -> None:
    optimizer = Adam([nn.Parameter(torch.zeros(1))], lr=0.1)
    check_options(optimizer, {"audio": {"lr": 0.2, "weight_decay": 0.1}, "visual": {}})
    with pytest.raises(UserError, match=message):
        check_options(optimizer, {"audio": options})


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (partial(StepLR, step_size=0), r"\(StepLR\): one of its values"),
        (partial(CosineAnnealingLR, T_max=0), r"\(CosineAnnealingLR\): one of its values"),
        (partial(ExponentialLR, gamma=-1.0), r"\(ExponentialLR\): .* learning rate of -0\.1"),
        (partial(LambdaLR, lr_lambda=lambda step: float("nan") if step else 1.0), "rate of nan"),
    ],
)
def test_a_schedule_that_fails_at_its_first_step_is_refused(schedule: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        try_schedule(partial(SGD, lr=0.1), schedule)


def test_other_schedules_pass_and_draw_no_random_numbers() -> None:
    before = torch.get_rng_state()
    for schedule in (
        partial(CosineAnnealingLR, T_max=1),
        partial(OneCycleLR, max_lr=0.1, total_steps=1),
        ReduceLROnPlateau,
    ):
        try_schedule(partial(SGD, lr=0.1), schedule)
    assert torch.equal(torch.get_rng_state(), before)
