"""What a continual module refuses before it trains."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from lightning import Trainer
from torch import nn
from torch.utils.data import DataLoader

from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError, check_choice
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.continual.methods import Method


@runtime_checkable
class Tasks(Protocol):
    """What a continual module asks of its data module (see `IncrementalDataModule`).

    Attributes:
        classes_per_task: how many classes each task adds.
        epochs_per_task: how many epochs each task lasts.
        memory: how many exemplars are kept in all.
        task: the current one.
        protocol: what a task trains on: `incremental`, its own classes, or `joint`, all seen.
    """

    classes_per_task: int
    epochs_per_task: int
    memory: int
    task: int
    protocol: Any

    def task_of_epoch(self, epoch: int) -> int:
        """The task that an epoch belongs to."""
        ...

    def test_dataloader(self) -> DataLoader[Any]:
        """The test samples of all classes seen so far; under DDP a rank's share of them."""
        ...


def check_options(num_classes: int, classes_per_task: int, select: str) -> None:
    """Raise a UserError for options of a module that make no sequence of tasks."""
    if classes_per_task < 1 or num_classes % classes_per_task:
        divisors = [str(n) for n in range(1, num_classes + 1) if num_classes % n == 0]
        raise UserError(
            f"model.classes_per_task is {classes_per_task}, which does not divide "
            f"num_classes, {num_classes}\naccepted: {', '.join(divisors)}"
        )
    check_choice("model.select", select, ("best", "last"))


def check_joint(weight: float, start_epoch: int, end_epoch: int | None) -> None:
    """Raise a UserError for a weight or a window of joint learning that makes no sense."""
    if weight < 0 or start_epoch < 0 or (end_epoch is not None and end_epoch < start_epoch):
        raise UserError(
            "model: joint_weight must not be negative, and 0 <= joint_start_epoch <= "
            f"joint_end_epoch; got {weight}, {start_epoch} and {end_epoch}"
        )


def check_attention(method: Method, trunk: nn.Module | None) -> None:
    """Raise a UserError for a method that distils attention of a model that has none."""
    if method.needs_attention and trunk is None:
        raise UserError(
            f"model.method: {type(method).__name__} distils the attention of a model.trunk, such "
            "as DualAttention\nWith encoders set its attention: 0"
        )


def check_tasks(method: Method, classes_per_task: int, data: object) -> None:
    """Refuse data that do not come in the tasks that module and method are for.

    Raises:
        UserError: names the key and what is accepted.
    """
    name, kind = type(data).__name__, type(method).__name__
    if not isinstance(data, Tasks):
        raise UserError(
            f"data: {name} does not come in tasks\n"
            "accepted: ClassIncremental, IncrementalScenario or an IncrementalDataModule of yours"
        )
    if data.classes_per_task != classes_per_task:
        raise UserError(
            f"model.classes_per_task is {classes_per_task}, but data.classes_per_task "
            f"{data.classes_per_task}"
        )
    if data.protocol != method.protocol:
        raise UserError(
            f"data.protocol is {data.protocol!r}; {kind} trains with {method.protocol!r}"
        )
    if bool(data.memory) != method.needs_memory:
        wanted = "more than 0" if method.needs_memory else "0"
        raise UserError(f"data.memory is {data.memory}; {kind} trains with {wanted}")


def check_epochs(trainer: Trainer, tasks: int, epochs_per_task: int) -> None:
    """Refuse a training that ends before the last task does, or goes on after it.

    Its scores would have the names of those over all tasks and be others. `fast_dev_run` and
    `max_steps` say that a training is cut short.

    Raises:
        UserError: names the trainer's option and what is accepted.
    """
    wanted = tasks * epochs_per_task
    shortened = bool(getattr(trainer, "fast_dev_run", False)) or trainer.max_steps != -1
    if trainer.max_epochs != wanted and not shortened:
        raise UserError(
            f"trainer.max_epochs is {trainer.max_epochs}, but {tasks} tasks of "
            f"{epochs_per_task} epochs (data.epochs_per_task) take {wanted}\naccepted: {wanted}"
        )


def check_test(trainer: Trainer, stage: str) -> None:
    """Refuse a test of some batches alone: a row of the matrix is about all classes seen.

    A training is not to learn it after its last epoch. `fast_dev_run` says that it is cut short.

    Raises:
        UserError: names the trainer's option and what is accepted.
    """
    limit: float = trainer.limit_test_batches
    whole = isinstance(limit, float) and limit == 1
    untested = stage == "fit" and limit == 0
    if not (whole or untested or getattr(trainer, "fast_dev_run", False)):
        raise UserError(
            f"trainer.limit_test_batches is {limit}, but accuracies by task are those of all test "
            "samples\naccepted: null or 1.0, or 0 with test_after_fit: false"
        )


def check_stopping(trainer: Trainer) -> None:
    """Refuse what ends a training when a metric no longer gets better.

    From task to task there are more classes and every metric gets worse: the training would end in
    the middle of the sequence without a word.

    Raises:
        UserError: names the callback and what is accepted.
    """
    if trainer.early_stopping_callbacks:
        raise UserError(
            "trainer.callbacks: EarlyStopping would end the sequence of tasks before its last one\n"
            "accepted: none of them; model.select: best goes on from each task's best epoch"
        )


def check_selection(trainer: Trainer, monitor: str) -> None:
    """Refuse a `best.ckpt` that is not of the last task.

    Every other metric is measured on more classes from task to task and best in the first one: the
    test would be of a network that has learned one task.

    Raises:
        UserError: names the option and what is accepted.
    """
    best = [each for each in trainer.checkpoint_callbacks if isinstance(each, BestCheckpoint)]
    for callback in best:
        if (callback.monitor, callback.mode) != (monitor, "max"):
            raise UserError(
                f"checkpoint.monitor is {callback.monitor} (mode {callback.mode}), which compares "
                f"epochs of different tasks\naccepted: {monitor} (mode max), highest in the last"
            )


def branches(
    encoders: dict[str, Encoder] | None, trunk: nn.Module | None, modalities: list[str] | None
) -> dict[str, Any]:
    """The encoders of a module: those given, or the branches of its trunk.

    Raises:
        UserError: both or neither are given, or some of a trunk's modalities alone are wanted.
    """
    if (encoders is None) == (trunk is None):
        raise UserError("model: give either encoders, one per modality, or a trunk for all of them")
    if encoders is not None:
        return dict(encoders)
    if not isinstance(trunk, DualAttention):
        raise UserError(
            f"model.trunk: {type(trunk).__name__} is none; accepted: DualAttention, or its subclass"
        )
    if modalities is not None:
        raise UserError("model.modalities: a trunk has all of its modalities; accepted: null")
    parts: dict[str, Any] = dict(trunk.encoders.items())
    for name, branch in parts.items():
        branch.feature_dim = trunk.feature_dims[name]  # what the fusion asks of any encoder
    return parts
