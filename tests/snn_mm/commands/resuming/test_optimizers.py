"""Every option of every optimizer, and every schedule of torch: in force after a resume, or not."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torch import nn, optim
from torch.optim import Optimizer, lr_scheduler

from snn_mm.commands.resuming.merge import ConflictError
from snn_mm.commands.resuming.optimizers import merged_optimizers, with_members

MakeOptimizer = Callable[..., Optimizer]
STEPS = 3
NEED_MORE = (Optimizer, optim.LBFGS, optim.SparseAdam)
"""These step with a closure or sparse gradients alone."""
OPTIMIZERS = [
    kind
    for kind in vars(optim).values()
    if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind not in NEED_MORE
]
OTHER: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: not value,
    float: lambda value: value * 0.5 + 0.125,
    int: lambda value: value + 1,
    tuple: lambda value: tuple(each and each * 0.5 for each in value),
}
SCHEDULES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (lr_scheduler.CosineAnnealingLR, {"T_max": 5}, {"T_max": 9}),
    (lr_scheduler.ExponentialLR, {"gamma": 0.7}, {"gamma": 0.9}),
    (lr_scheduler.StepLR, {"step_size": 2}, {"step_size": 3}),
    (lr_scheduler.MultiStepLR, {"milestones": [1, 4]}, {"milestones": [2, 5], "gamma": 0.5}),
    (lr_scheduler.LinearLR, {"total_iters": 4}, {"total_iters": 8}),
    (lr_scheduler.ConstantLR, {"total_iters": 2}, {"total_iters": 6}),
    (lr_scheduler.PolynomialLR, {"total_iters": 5}, {"total_iters": 9, "power": 2.0}),
    (lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": 2}, {"T_0": 4}),
    (
        lr_scheduler.OneCycleLR,
        {"max_lr": 1.0, "total_steps": 6},
        {"max_lr": 2.0, "total_steps": 12},
    ),
    (lr_scheduler.CyclicLR, {"base_lr": 0.1, "max_lr": 1.0}, {"base_lr": 0.2, "max_lr": 3.0}),
]


class Net(LightningModule):
    """One matrix with an optimizer and a schedule."""

    def __init__(self, make: MakeOptimizer, schedule: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.weight, self.make, self.schedule = nn.Parameter(torch.ones(2, 2)), make, schedule

    def configure_optimizers(self) -> Any:
        optimizer = self.make(self.parameters())
        if self.schedule is None:
            return optimizer
        config = {"scheduler": self.schedule(optimizer), "interval": "step", "monitor": "loss"}
        return {"optimizer": optimizer, "lr_scheduler": config}


def begin(net: Net) -> tuple[Optimizer, Any]:
    made = net.configure_optimizers()
    return (made["optimizer"], made["lr_scheduler"]["scheduler"]) if net.schedule else (made, None)


def advance(net: Net, optimizer: Optimizer, schedule: Any, steps: int) -> list[float]:
    """Rates of some steps."""
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        net.weight.grad = torch.ones(2, 2)
        optimizer.step()
        if schedule is not None:
            schedule.step(*([1.0] if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else []))
    return rates


def save(net: Net, steps: int = STEPS) -> dict[str, Any]:
    """What a checkpoint has after some steps."""
    optimizer, schedule = begin(net)
    advance(net, optimizer, schedule, steps)
    schedules = [] if schedule is None else [schedule.state_dict()]
    states = {"optimizer_states": [optimizer.state_dict()], "lr_schedulers": schedules}
    return copy.deepcopy(states)


def restore(net: Net, saved: dict[str, Any], before: Net) -> tuple[Optimizer, Any]:
    """Go on from a checkpoint as `CarryOver` and Lightning do."""
    groups, schedules = merged_optimizers(before, Net(net.make, net.schedule), saved)
    optimizer, schedule = begin(net)
    state = saved["optimizer_states"][0]
    optimizer.load_state_dict({**state, "param_groups": with_members(groups[0], state)})
    if schedule is not None:
        schedule.load_state_dict(schedules[0])
    return optimizer, schedule


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.__name__)
def test_every_option_of_an_optimizer_is_in_force_or_refused(kind: Any) -> None:
    make: MakeOptimizer = partial(kind, lr=0.5)
    defaults = make([nn.Parameter(torch.ones(2, 2))]).defaults
    applied = []
    for name, value in defaults.items():
        other = OTHER.get(type(value), lambda _: None)(value)
        try:
            Net(partial(make, **{name: other})).configure_optimizers()
        except (TypeError, ValueError, RuntimeError):
            continue  # the optimizer itself does not take this value
        if other is None or name == "capturable":  # that needs a GPU
            continue
        new = Net(partial(make, **{name: other}))
        try:
            optimizer, _ = restore(new, save(Net(make)), Net(make))
        except ConflictError:
            continue
        assert optimizer.param_groups[0][name] == other
        advance(new, optimizer, None, 1)  # with what was kept, a step is possible
        applied.append(name)
    assert {"lr", "weight_decay"} & set(applied)


def test_an_option_whose_buffers_were_not_kept_is_refused() -> None:
    before, now = (Net(partial(optim.Adam, amsgrad=flag)) for flag in (False, True))
    with pytest.raises(ConflictError):
        merged_optimizers(before, now, save(before))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "was", "is_now"), SCHEDULES, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_schedule_goes_on_as_if_it_had_always_had_its_new_settings(
    kind: Any, was: dict[str, Any], is_now: dict[str, Any]
) -> None:
    makes = (partial(optim.SGD, lr=0.5, momentum=0.9), partial(optim.SGD, lr=0.25, momentum=0.9))
    before, now = (Net(make, partial(kind, **s)) for make, s in zip(makes, (was, is_now)))
    saved = save(Net(before.make, before.schedule))
    whole = Net(now.make, now.schedule)
    expected = advance(whole, *begin(whole), STEPS + 3)[STEPS:]
    assert advance(now, *restore(now, saved, before), 3) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")
def test_settings_of_a_plateau_are_in_force_but_not_a_rate_that_it_has_moved() -> None:
    def net(lr: float = 0.5, **options: Any) -> Net:
        options = {"patience": 1, **options}
        return Net(partial(optim.SGD, lr=lr), partial(lr_scheduler.ReduceLROnPlateau, **options))

    saved = save(net(), steps=4)
    assert saved["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.05)
    _, schedule = restore(net(patience=7), saved, net())
    assert (schedule.patience, schedule.best) == (7, 1.0)
    with pytest.raises(ConflictError, match="lr"):
        merged_optimizers(net(), net(lr=0.1), saved)
    merged_optimizers(net(), net(lr=0.1), save(net(), steps=1))  # not moved yet


@pytest.mark.parametrize(
    "now",
    [
        Net(partial(optim.Adam, lr=0.5)),
        Net(partial(optim.SGD, lr=0.5), partial(lr_scheduler.StepLR, step_size=2)),
        Net(lambda parameters: optim.SGD([{"params": []}, {"params": list(parameters)}], lr=0.5)),
    ],
    ids=["optimizer", "schedule", "groups"],
)
def test_what_no_state_can_be_carried_to_is_refused(now: Net) -> None:
    before = Net(partial(optim.SGD, lr=0.5))
    with warnings.catch_warnings(), pytest.raises(ConflictError):
        merged_optimizers(before, now, save(before))


def test_a_schedule_that_would_be_over_is_refused() -> None:
    make = partial(optim.SGD, lr=0.5, momentum=0.9)
    cycles = (partial(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=n) for n in (9, 2))
    before, now = (Net(make, cycle) for cycle in cycles)
    with pytest.raises(ConflictError, match="total steps"):
        merged_optimizers(before, now, save(before))
