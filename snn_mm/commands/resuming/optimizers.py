"""Optimizers and schedules that go on with other settings than they were saved with."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import (
    _configure_optimizers,
    _configure_schedulers_automatic_opt,
)
from lightning.pytorch.utilities.types import LRSchedulerConfig
from torch.optim import Optimizer

from snn_mm.commands.resuming.merge import ConflictError, merge, same

Groups = list[dict[str, Any]]
"""Options of the groups of an optimizer."""


def merged_optimizers(
    before: LightningModule, now: LightningModule, saved: Mapping[str, Any]
) -> tuple[list[Groups], list[Any]]:
    """What optimizers and schedules go on with: options of groups, and states of schedules.

    A schedule is a function of its settings and the number of its steps: with new settings it goes
    on where it would be if it had had them from the start. Whether that holds is seen from the old
    settings, which must lead to what was saved; else, as for ReduceLROnPlateau, which depends on
    metrics, what a schedule has moved can't be set anew.

    Args:
        before: module with the settings of the checkpoint.
        now: module with those of today.
        saved: the checkpoint.

    Raises:
        ConflictError: something can't be applied.
    """
    old, new = configured(before), configured(now)
    check_alike(before, now, old, new)
    for _, schedulers in (old, new):
        for config, state in zip(schedulers, saved["lr_schedulers"]):
            replay(config, state)
    groups = [
        merged_groups(*trio) for trio in zip(old[0], new[0], saved["optimizer_states"], strict=True)
    ]
    schedulers = [
        merge(mine.scheduler.state_dict(), yours.scheduler.state_dict(), state, "lr_scheduler")
        for mine, yours, state in zip(old[1], new[1], saved["lr_schedulers"])
    ]
    return groups, schedulers


def merged_groups(old: Optimizer, new: Optimizer, saved: Mapping[str, Any]) -> Groups:
    """The options that an optimizer goes on with.

    Raises:
        ConflictError: an option was moved by training, or needs buffers that were not kept.
    """
    was, is_now, kept = map(bare_groups, (old.state_dict(), new.state_dict(), saved))
    groups: Groups = merge(was, is_now, kept)
    if not same(groups, kept):
        rehearse(old, new, groups)
    return groups


def configured(module: LightningModule) -> tuple[list[Optimizer], list[LRSchedulerConfig]]:
    """Optimizers and schedules of a module, as Lightning reads what it returns.

    Raises:
        ConflictError: a module of the user's own asks for what is not there yet.
    """
    try:
        made: Any = module.configure_optimizers()
    except Exception as error:
        raise ConflictError(f"optimizer (it can't be made for comparison: {error})") from error
    optimizers, schedulers, monitor = _configure_optimizers(made)
    return optimizers, _configure_schedulers_automatic_opt(schedulers, monitor)


def check_alike(before: LightningModule, now: LightningModule, old: Any, new: Any) -> None:
    """Refuse what no state can be carried between.

    Raises:
        ConflictError: other classes or groups of parameters, one more schedule, or one that counts
            or watches something else.
    """
    kinds = [[type(optimizer) for optimizer in part[0]] for part in (old, new)]
    members = [
        [group_names(module, optimizer) for optimizer in part[0]]
        for module, part in ((before, old), (now, new))
    ]
    if kinds[0] != kinds[1] or members[0] != members[1]:
        raise ConflictError("groups of parameters" if kinds[0] == kinds[1] else "optimizer")
    watches = [
        [(c.interval, c.frequency, c.monitor if c.reduce_on_plateau else None) for c in part[1]]
        for part in (old, new)
    ]
    if watches[1] and watches[0] != watches[1]:
        raise ConflictError("lr_scheduler")


def group_names(module: LightningModule, optimizer: Optimizer) -> list[list[str]]:
    """Names of the parameters of each group."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return [[names.get(id(p), "?") for p in group["params"]] for group in optimizer.param_groups]


def replay(config: LRSchedulerConfig, state: Mapping[str, Any]) -> None:
    """Advance a new schedule, and with it its optimizer, to where a saved one was."""
    if config.reduce_on_plateau:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimizer steps between
        for _ in range(count_steps(state)):
            try:
                config.scheduler.step()  # type: ignore[call-arg]
            except ValueError as error:  # OneCycleLR knows its end
                raise ConflictError(f"lr_scheduler ({error})") from error


def count_steps(state: Mapping[str, Any]) -> int:
    """How often a saved schedule had advanced."""
    inner = state.get("_schedulers") or [{"last_epoch": 0}]  # ChainedScheduler counts nothing
    return int(state.get("last_epoch", inner[0].get("last_epoch", 0)))


def bare_groups(state: Mapping[str, Any]) -> Groups:
    """Options of the groups of an optimizer's state, without their members."""
    return [{k: v for k, v in group.items() if k != "params"} for group in state["param_groups"]]


def with_members(groups: Groups, state: Mapping[str, Any]) -> Groups:
    """Groups with the members that a saved state gives them."""
    pairs = zip(groups, state["param_groups"])
    return [{**group, "params": saved["params"]} for group, saved in pairs]


def rehearse(old: Optimizer, new: Optimizer, groups: Groups) -> None:
    """Try whether a step is possible with what the old settings keep, such as Adam's AMSGrad.

    Raises:
        ConflictError: it is not.
    """
    try:
        step_anywhere(old)
        kept = old.state_dict()["state"]
        new.load_state_dict({"state": kept, "param_groups": with_members(groups, new.state_dict())})
        step_anywhere(new)
    except Exception as error:  # each optimizer has its own way to say so
        raise ConflictError("optimizer") from error


def step_anywhere(optimizer: Optimizer) -> None:
    """Make a step of the smallest parameter of each group, with a gradient of zero, on the CPU."""
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = False  # it needs a GPU
        smallest = min(group["params"], key=lambda parameter: parameter.numel())
        smallest.grad = torch.zeros_like(smallest)
    optimizer.step()
