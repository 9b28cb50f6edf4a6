"""The base of class-incremental data sets: which samples are loaded in which task."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal

import numpy as np
from torch.utils.data import DataLoader

from datamodules.base import MultimodalDataModule, SplitName
from datamodules.incremental.checks import (
    check_batches,
    check_classes,
    check_memory,
    check_options,
    check_reload,
    check_resume,
)
from datamodules.incremental.sampler import ReplaySampler
from datamodules.incremental.selection import Batches, Selection, exemplar_rows
from datamodules.incremental.tasks import TaskSequence
from datamodules.pairing import Rows
from datamodules.split import SampleSource
from snn_mm.run.position import training_position

TaskProtocol = Literal["incremental", "joint"]


class IncrementalDataModule(MultimodalDataModule):
    """A data set whose classes arrive in tasks, in ascending order of their ids.

    The whole sequence is one `trainer.fit`: epochs `k epochs_per_task` and on are those of task k,
    and the loaders are made anew in every epoch (`trainer.reload_dataloaders_every_n_epochs: 1`; a
    larger number would miss the start of a task after a resume in the middle of one).

    With a memory, each training batch of task k > 0 has `exemplar_batch` samples of earlier classes
    after those of the task, recognised by their label, which is below the task's first class.
    Validation and test have the samples of all classes seen so far, in the order of the split.

    Without a trainer the task is the last one; set `task` for another.

    Args:
        classes_per_task: how many classes each task adds.
        epochs_per_task: how many epochs each task lasts; on AV-CIL's data sets 100 in IEMF, 200 in
            AV-CIL.
        memory: how many exemplars are kept in all; 0 for methods without replay.
        exemplar_batch: how many of them are in each training batch, on each rank.
        protocol: what a task trains on: its own classes (`incremental`) or all classes seen so far
            (`joint`, the upper bound).
    """

    def __init__(
        self,
        root: str = "data",
        classes_per_task: int = 1,
        epochs_per_task: int = 100,
        memory: int = 0,
        exemplar_batch: int = 128,
        protocol: TaskProtocol = "incremental",
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_options(protocol, memory, exemplar_batch)
        self.classes_per_task, self.epochs_per_task = classes_per_task, epochs_per_task
        self.memory, self.exemplar_batch, self.protocol = memory, exemplar_batch, protocol
        self._set_task: int | None = None
        self._saved_task: int | None = None

    def facts(self) -> dict[str, Any]:
        """What is known of the data, and how many classes each task adds."""
        return {**super().facts(), "classes_per_task": self.classes_per_task}

    def made_up(self, samples: int) -> SampleSource:
        """A split with at least `samples` made-up samples in each task."""
        of_class = -(-samples // self.classes_per_task)
        return super().made_up(of_class * int(self.facts().get("num_classes", 0)))

    def check_split(self, name: SplitName, split: SampleSource) -> None:
        """Refuse a split that can't be trained or evaluated on, or lacks classes."""
        super().check_split(name, split)
        check_memory(self.memory, self.tasks)
        check_classes(name, split, self.tasks, self.class_names)

    @cached_property
    def tasks(self) -> TaskSequence:
        """Which classes and epochs belong to which task."""
        return TaskSequence(self.num_classes, self.classes_per_task, self.epochs_per_task)

    @property
    def num_tasks(self) -> int:
        """Number of tasks."""
        return self.tasks.num_tasks

    def task_of_epoch(self, epoch: int) -> int:
        """Return the task that an epoch belongs to."""
        return self.tasks.of_epoch(epoch)

    @property
    def task(self) -> int:
        """The current task: as set; in training that of the epoch; else what the model learnt last.

        The last is the task of the loaded checkpoint or of the last epoch trained here, and the
        last one of all where nothing is known.
        """
        if self._set_task is not None:
            return self._set_task
        epoch = self.trainer.current_epoch if self.trainer else 0
        if self._is_fitting:
            return self.task_of_epoch(epoch)
        if self._saved_task is not None:
            return self._saved_task
        return self.task_of_epoch(epoch - 1) if epoch else self.num_tasks - 1

    @task.setter
    def task(self, task: int | None) -> None:
        if task is not None:
            self.tasks.classes(task)  # refuses what is no task
        self._set_task = task

    @property
    def _is_fitting(self) -> bool:
        state = self.trainer.state if self.trainer else None
        return state is not None and (state.fn, state.status) == ("fit", "running")

    def content_options(self) -> dict[str, object]:
        """Return the options that decide what each task trains on."""
        return {
            "classes_per_task": self.classes_per_task,
            "epochs_per_task": self.epochs_per_task,
            "memory": self.memory,
            "exemplar_batch": self.exemplar_batch,
            "protocol": self.protocol,
        }

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of the current task, each followed by exemplars of earlier ones.

        Raises:
            UserError: the trainer would not ask for the batches of the next task.
        """
        if self.trainer and self._is_fitting and self._set_task is None:
            every = getattr(self.trainer, "reload_dataloaders_every_n_epochs", 0)
            check_reload(every, self.num_tasks)
        return self._replay_loader(self.task)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation samples of all classes seen so far."""
        return self._evaluation_loader(self._of_tasks("val", range(self.task + 1)))

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the test samples of all classes seen so far."""
        return self._evaluation_loader(self._of_tasks("test", range(self.task + 1)))

    def task_dataloader(self, split: SplitName, tasks: Iterable[int]) -> DataLoader[Any]:
        """Return the samples of some tasks, in the order of the split; each rank gets all of them.

        Args:
            split: `train`, `val` or `test`.
            tasks: numbers of the tasks.
        """
        return self._loader(self._of_tasks(split, tasks))

    def exemplars(self, task: int) -> Rows:
        """Return the rows of the training split that the memory holds during a task."""
        stored = range(self.tasks.classes(task).start)
        per_class = self.memory // max(len(stored), 1)
        return exemplar_rows(self.split("train").labels, stored, per_class, self.seed)

    def state_dict(self) -> dict[str, Any]:
        """Return the task, its exemplars, and what a resumed run must not change."""
        exemplars = self._exemplar_ids(self.task)
        return {"task": self.task, "options": self.resume_options(), "exemplars": exemplars}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the task of a checkpoint.

        Raises:
            UserError: training would go on with other tasks or exemplars.
        """
        self._saved_task = state_dict["task"]
        if self._is_fitting:
            exemplars = self._exemplar_ids(state_dict["task"])
            check_resume(state_dict, self.resume_options(), exemplars)

    def _exemplar_ids(self, task: int) -> list[str]:
        ids = self.split("train").ids
        return [str(ids[row]) for row in self.exemplars(task)]

    def resume_options(self) -> dict[str, object]:
        """Return the options that a checkpoint is tied to."""
        return {**IncrementalDataModule.content_options(self), "seed": self.seed}

    def _of_tasks(self, split: SplitName, tasks: Iterable[int]) -> Selection:
        """Pick the samples of some tasks, in the order of the split."""
        source = self.split(split)
        classes = [label for task in tasks for label in self.tasks.classes(task)]
        return Selection(source, np.flatnonzero(np.isin(source.labels, classes)))

    def _replay_loader(self, task: int) -> DataLoader[Any]:
        """Wrap the training split of a task."""
        source, options, trainer = self.split("train"), self.loader, self.trainer
        tasks = self.tasks
        trained = tasks.seen(task) if self.protocol == "joint" else tasks.classes(task)
        sampler = ReplaySampler(
            np.flatnonzero(np.isin(source.labels, trained)),
            self.exemplars(task),
            options.batch_size,
            self.exemplar_batch,
            num_replicas=trainer.world_size if trainer else 1,
            rank=trainer.global_rank if trainer else 0,
            seed=self.seed,
            drop_last=options.drop_last,
        )
        check_batches(sampler, task)
        if trainer:
            sampler.begin_at(*training_position(trainer))
        return self._loader(Batches(source), sampler, batch_size=None)
