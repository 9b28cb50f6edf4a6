"""What can't be learnt in tasks, and what a resumed run must not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datamodules.incremental.sampler import ReplaySampler
from datamodules.incremental.tasks import TaskSequence
from datamodules.split import SampleSource
from snn_mm.errors import UserError, check_choice, check_range


def check_options(protocol: str, memory: int, exemplar_batch: int) -> None:
    """Refuse options that contradict each other; names the option and what is accepted."""
    check_choice("protocol", protocol, ("incremental", "joint"))
    check_range("memory", memory, 0)
    check_range("exemplar_batch", exemplar_batch, 1)
    if memory and protocol == "joint":
        raise UserError(
            f"memory is {memory}, but protocol joint trains on all earlier samples; set memory: 0."
        )


def check_memory(memory: int, tasks: TaskSequence) -> None:
    """Refuse a memory that could not hold one exemplar of each class in the last task.

    Raises:
        UserError: says how many exemplars are needed at least.
    """
    stored = tasks.num_classes - tasks.classes_per_task
    if memory and memory < stored:
        raise UserError(
            f"memory is {memory}, less than one exemplar for each of the {stored} classes that are "
            f"kept in the last task; accepted are 0 (no memory) and {stored} or more."
        )


def check_classes(
    name: str, split: SampleSource, tasks: TaskSequence, class_names: Sequence[str]
) -> None:
    """Refuse a training split that lacks a class, and any split that lacks a task.

    Raises:
        UserError: names the class or the task.
    """
    counts = np.bincount(split.labels, minlength=tasks.num_classes)  # [K]
    if name == "train" and not counts.all():
        missing = int(np.argmin(counts))
        raise UserError(
            f"Class {missing} ('{class_names[missing]}') has no sample in the 'train' split: "
            "every class of a task needs one."
        )
    by_task = counts.reshape(tasks.num_tasks, -1).sum(axis=1)  # [K] -> [tasks]
    if not by_task.all():
        missing = int(np.argmin(by_task))
        classes = tasks.classes(missing)
        raise UserError(
            f"Task {missing} (classes {classes[0]} to {classes[-1]}) has no sample "
            f"in the '{name}' split."
        )


def check_reload(every_n_epochs: int, num_tasks: int) -> None:
    """Refuse a trainer that would miss the start of a task; names the trainer's option."""
    if every_n_epochs != 1 and num_tasks > 1:
        raise UserError(
            f"trainer.reload_dataloaders_every_n_epochs is {every_n_epochs}: the data of the next "
            "task would not be loaded in time, be it after a resume.\nAccepted is 1."
        )


def check_batches(sampler: ReplaySampler, task: int) -> None:
    """Refuse a task without a whole batch, and ranks without an exemplar.

    Raises:
        UserError: names the option to change.
    """
    if not len(sampler):
        raise UserError(
            f"Task {task} has {len(sampler.current)} training samples, too few for one whole batch "
            f"on each rank.\nLower loader.batch_size ({sampler.batch_size}) or set "
            "loader.drop_last: false."
        )
    if 0 < len(sampler.exemplars) < sampler.num_replicas:
        raise UserError(
            f"memory: {len(sampler.exemplars)} exemplars are too few for {sampler.num_replicas} "
            "ranks; each needs one."
        )


def check_resume(
    saved: Mapping[str, Any], options: Mapping[str, object], exemplars: Sequence[str]
) -> None:
    """Refuse to go on with other tasks or other exemplars than those of a checkpoint.

    Args:
        saved: what `IncrementalDataModule.state_dict` returned.
        options: those of this run.
        exemplars: ids of the exemplars that this run would use in the saved task.

    Raises:
        UserError: names the option, its value now and its value in the checkpoint.
    """
    for key, value in options.items():
        if saved["options"].get(key) != value:
            raise UserError(
                f"data.{key} is {value}, but {saved['options'].get(key)} in the checkpoint: "
                "a run that goes on must keep it."
            )
    if list(saved["exemplars"]) != list(exemplars):
        raise UserError(
            f"The {len(exemplars)} exemplars of task {saved['task']} are not those of the "
            "checkpoint: the training samples have changed, or their order."
        )
