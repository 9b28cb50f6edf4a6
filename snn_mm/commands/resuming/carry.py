"""Settings that change when a run goes on: applied, or refused by their keys before training.

Lightning restores what optimizers, schedules and callbacks were, settings included, whatever the
config says. Here both configs are built, that of the checkpoint and that of today, and what was
saved is merged with what differs between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn

from snn_mm.callbacks.recording.last_checkpoint import (
    LastCheckpoint,
    ended_epoch,
    is_between_epochs,
)
from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.commands.resuming.callbacks import merged_callbacks
from snn_mm.commands.resuming.merge import ConflictError, same
from snn_mm.commands.resuming.optimizers import Groups, merged_optimizers, with_members
from snn_mm.commands.resuming.parts import Config, Parts, build, changes, sections
from snn_mm.config.checkpoints import load_checkpoint, shapes_of
from snn_mm.errors import UserError
from snn_mm.reading.checkpoints import check_trainable
from snn_mm.reading.text import naming, read_text
from snn_mm.reading.yaml_files import parse_yaml
from snn_mm.run.attempt import listed
from snn_mm.run.directory import find_run

T = TypeVar("T")


class CarryOver(Callback):
    """Gives a training that goes on the states that fit its settings, instead of those saved.

    Args:
        states: `lr_schedulers` and `callbacks`, instead of those of the checkpoint.
        groups: options of the groups of each optimizer; their members and buffers stay.
    """

    def __init__(self, states: dict[str, Any], groups: list[Groups]) -> None:
        self.states, self.groups = states, groups

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Replace them; a test after the training loads its checkpoint as it is."""
        if trainer.state.fn == TrainerFn.FITTING:
            checkpoint.update(self.states)
            for state, groups in zip(checkpoint["optimizer_states"], self.groups):
                state["param_groups"] = with_members(groups, state)


def go_on_from(path: Path, config: str, trainer: Trainer) -> dict[str, Any]:
    """Have a trainer go on from a checkpoint with the settings of a config; returns its content.

    Args:
        path: the checkpoint.
        config: the whole config of today as YAML.
        trainer: gets one callback more if something must change in what was saved.

    Raises:
        UserError: names each setting that has changed and can't be applied, or says that the run
            ended where none can go on.
    """
    saved = load_checkpoint(path)
    carried = carry_over(saved, path, config)
    with naming(path, "is no checkpoint to go on from"):
        check_position(saved, carried, trainer)
    trainer.callbacks += carried  # type: ignore[attr-defined]
    return saved


def carry_over(saved: dict[str, Any], path: Path, config: str) -> list[Callback]:
    """What changes in a checkpoint with the settings of a config.

    Args:
        saved: the checkpoint.
        path: where it lies.
        config: the whole config of today as YAML.

    Raises:
        UserError: names each setting that has changed and can't be applied.
    """
    if "optimizer_states" not in saved:
        raise UserError(
            f"{path} holds weights alone, which no training can go on from\n"
            "the callback WarmStart starts a new training with an encoder's weights"
        )
    check_trainable(saved, path)
    with naming(path, "is no checkpoint to go on from"):
        recorded = recorded_config(saved, path)
    if recorded is None:
        rank_zero_warn(
            f"{path} does not say which settings it was trained with: optimizer, schedule and "
            "callbacks go on with those in it, not with those of the config"
        )
        return []
    with naming(path, "holds no config of a training"):
        before, now = parse_yaml(recorded, path), parse_yaml(config, path)
        if sections(before) == sections(now):
            return []
    return [merged(before, now, saved)]


def recorded_config(saved: dict[str, Any], path: Path) -> str | None:
    """The config that a checkpoint was trained with; None if nothing tells it.

    That of the run directory may be newer: it is written when a training begins, a checkpoint when
    an epoch is over.
    """
    config: str | None = saved.get("callbacks", {}).get(RunRecord.__qualname__, {}).get("config")
    run = find_run(path)
    if config is None and run is not None and run.config.is_file():
        return read_text(run.config)
    return config


def merged(before: Config, now: Config, saved: dict[str, Any]) -> CarryOver:
    """What of a checkpoint changes with the settings.

    Raises:
        UserError: names each setting that can't be applied.
    """
    new = build(now)
    try:
        old = build(before)
    except Exception as error:  # jsonargparse and constructors raise errors of many kinds
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"the settings that the checkpoint was trained with can't be built here: {reason}\n"
            "accepted: --resume without other flags, or a new run"
        ) from error
    was, is_now = sections(before), sections(now)
    carried = CarryOver({}, [])
    if was["model"] != is_now["model"]:
        changed = changes(before, now, "model") or ["model is not that of the run"]
        check_weights(old, new, saved, changed)
        carried.groups, schedulers = refusing_conflicts(
            changed, lambda: merged_optimizers(old.model, new.model, saved)
        )
        carried.states["lr_schedulers"] = schedulers
    if any(was[name] != is_now[name] for name in ("checkpoint", "callbacks")):
        changed = changes(before, now, "checkpoint") + changes(before, now, "trainer.callbacks")
        lists = [[each.checkpoint, *each.callbacks] for each in (old, new)]
        carried.states["callbacks"] = refusing_conflicts(
            changed or ["trainer.callbacks are not those of the run"],
            lambda: merged_callbacks(lists[0], lists[1], saved["callbacks"]),
        )
    return carried


def refusing_conflicts(changed: list[str], work: Callable[[], T]) -> T:
    """The result of some work; a conflict becomes the user's mistake."""
    try:
        return work()
    except ConflictError as error:
        raise refusal(changed, f"the saved state of {error.entry} can't take it over") from error


def check_weights(old: Parts, new: Parts, saved: dict[str, Any], changed: list[str]) -> None:
    """Refuse settings of what a checkpoint holds as a weight, such as an initial value.

    Raises:
        UserError: names each setting that has changed.
    """
    states = [part.model.state_dict() for part in (old, new)]
    shapes = [shapes_of(each) for each in (*states, saved["state_dict"])]
    if shapes[0] == shapes[1] == shapes[2] and not same(*states):
        raise refusal(changed, "what it sets is in the saved weights")


def refusal(changed: list[str], reason: str) -> UserError:
    """What can't be applied, in at most five lines."""
    return UserError(
        f"{listed(changed)}\n{reason}\naccepted: as it was, or a new run without --resume"
    )


def check_position(saved: dict[str, Any], carried: Sequence[Callback], trainer: Trainer) -> None:
    """Refuse to go on from the inside of an epoch that `max_steps` or a timer has cut short.

    The rest of its samples are those of an order that is not kept: the end would be another one.

    Args:
        saved: the checkpoint.
        carried: what `carry_over` returned.
        trainer: says whether anything is left to train.

    Raises:
        UserError: says where the training had ended.
    """
    if not ended_epoch(saved) or is_between_epochs(saved):
        return
    states = saved["callbacks"]
    for each in carried:
        states = each.states.get("callbacks", states) if isinstance(each, CarryOver) else states
    stopped = states.get(LastCheckpoint.__qualname__, {}).get("should_stop", False)
    loop = saved["loops"]["fit_loop"]
    steps, epochs = saved["global_step"], loop["epoch_progress"]["total"]["processed"]
    is_over = 0 <= trainer.max_steps <= steps or 0 <= (trainer.max_epochs or -1) <= epochs
    if not stopped and not is_over:
        batches = loop["epoch_loop.batch_progress"]["current"]["ready"]
        raise UserError(
            f"the run ended inside epoch {epochs}, after {batches} of its batches and {steps} "
            "optimizer steps:\nmore steps would not lead to where a run in one piece does\n"
            "accepted: no more steps, or a new run with another trainer.max_steps"
        )
