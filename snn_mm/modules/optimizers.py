"""Optimizers and schedules from factories, with parameter groups by role."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import torch
from lightning import Trainer
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    CyclicLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
)

from snn_mm.errors import UserError

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler | ReduceLROnPlateau]
Interval = Literal["epoch", "step"]
GroupOptions = Mapping[str, dict[str, Any]]


def paper_sgd(parameters: Iterable[Any]) -> Optimizer:
    """SGD of IEMF Table S1 (learning rate 5e-3, weight decay 1e-4); momentum 0.9 from its code."""
    return SGD(parameters, lr=5e-3, momentum=0.9, weight_decay=1e-4)


def group_parameters(
    members: Mapping[str, Iterator[nn.Parameter]], options: GroupOptions
) -> list[dict[str, Any]]:
    """One parameter group for each role, with its own options; the optimizer's where none is given.

    Args:
        members: parameters by role, such as a modality or `fusion`.
        options: optimizer options by role.
    """
    return [
        {"name": role, "params": list(parameters), **options.get(role, {})}
        for role, parameters in members.items()
    ]


def check_groups(options: GroupOptions, roles: Iterable[str]) -> None:
    """Raise a UserError for options of a role that the module does not have."""
    accepted = list(roles)
    unknown = [role for role in options if role not in accepted]
    if unknown:
        raise UserError(
            f"model.parameter_groups: unknown group {', '.join(unknown)}; "
            f"accepted: {', '.join(accepted)}"
        )


def check_options(optimizer: Optimizer, options: GroupOptions) -> None:
    """Refuse options of a group that the optimizer does not have, or not with this value.

    torch looks at the optimizer's own options alone.

    Raises:
        UserError: names the group and what is accepted.
    """
    for role, given in options.items():
        place = f"model.parameter_groups.{role}"
        if unknown := [name for name in given if name not in optimizer.defaults]:
            accepted = ", ".join(optimizer.defaults)
            raise UserError(f"{place}: unknown option {', '.join(unknown)}\naccepted: {accepted}")
        known = inspect.signature(type(optimizer)).parameters
        options_of_group = {**optimizer.defaults, **given}
        accepted_here = {key: options_of_group[key] for key in options_of_group if key in known}
        try:
            type(optimizer)([nn.Parameter(torch.zeros(1))], **accepted_here)
        except (TypeError, ValueError) as error:
            raise UserError(f"{place}: {error}") from error


def try_schedule(optimizer: OptimizerFactory, schedule: SchedulerFactory) -> None:
    """Refuse a schedule that fails at its first step, or leads below a learning rate of 0.

    Raises:
        UserError: what is wrong with it.
    """
    trial = optimizer([nn.Parameter(torch.zeros(1))])
    scheduler = schedule(trial)
    name = f"model.lr_scheduler ({type(scheduler).__name__})"
    if isinstance(scheduler, ReduceLROnPlateau):
        return  # its steps need a metric, and only ever shrink what is checked already
    trial.step()
    try:
        scheduler.step()
    except (ArithmeticError, TypeError) as error:
        raise UserError(f"{name}: one of its values can't be counted with: {error}") from error
    rates = [group["lr"] for group in trial.param_groups]
    if not all(rate >= 0 for rate in rates):
        raise UserError(f"{name}: its first step leads to a learning rate of {rates[0]:g}")


def check_interval(scheduler: LRScheduler | ReduceLROnPlateau, interval: Interval) -> None:
    """Raise a UserError if a schedule of optimizer steps were to advance each epoch, or reverse."""
    if isinstance(scheduler, ReduceLROnPlateau) and interval == "step":
        raise UserError(
            "model.lr_scheduler: ReduceLROnPlateau watches a metric that each epoch has once; "
            "set lr_scheduler_interval: epoch"
        )
    if isinstance(scheduler, OneCycleLR | CyclicLR) and interval == "epoch":
        raise UserError(
            f"model.lr_scheduler: {type(scheduler).__name__} advances each optimizer step; "
            "set lr_scheduler_interval: step"
        )


def check_length(trainer: Trainer) -> None:
    """Refuse a training that is longer than its schedule, such as OneCycleLR, can go on.

    Raises:
        UserError: names the schedule's length and that of the training.
    """
    for config in trainer.lr_scheduler_configs:
        total: int | None = getattr(config.scheduler, "total_steps", None)
        if total is None or config.interval != "step":
            continue
        done: int = config.scheduler.last_epoch
        needed = done + trainer.estimated_stepping_batches - trainer.global_step
        if total < needed < math.inf:
            raise UserError(
                f"model.lr_scheduler.total_steps is {total}, but this training takes "
                f"{needed:.0f} optimizer steps\naccepted: {needed:.0f} or more"
            )


def validation_interval(trainer: Any, monitor: str) -> int:
    """Epochs from one value of the metric that a schedule watches to the next.

    Args:
        trainer: what trains, if anything does.
        monitor: name of the metric.

    Raises:
        UserError: no epoch has one.
    """
    if trainer is None or not monitor.startswith("val/"):
        return 1
    epochs = trainer.check_val_every_n_epoch
    if epochs is None or trainer.limit_val_batches == 0:
        raise UserError(
            f"model.lr_scheduler: ReduceLROnPlateau watches {monitor}, and no epoch ends with a "
            "validation\naccepted: trainer.check_val_every_n_epoch and limit_val_batches above 0, "
            "or lr_scheduler_monitor: train/loss"
        )
    return int(epochs)
