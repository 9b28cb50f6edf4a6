"""What every modulation of a training shares: its window of epochs, its factors, its noise.

A modulation either rewrites gradients (`GradientModulation`) or the summands of the loss
(`LossModulation`). Both compute factors by a pure function, log them, and keep them for a resume.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from snn_mm.contracts import CountsEpochs, Modulated
from snn_mm.errors import UserError, check_choice
from snn_mm.metrics.quick_log import quick_log


@dataclass(eq=False, kw_only=True)
class Modulation(Callback, ABC):
    """Base of every modulation: a dataclass of its options and of what it keeps.

    Options that are a `Literal` are checked here. Public fields that are no option, such as
    `factors`, are state: they are saved in checkpoints and restored.

    Args:
        start_epoch: first epoch (counted from 0) in which it acts; within each task where the
            module learns several (`CountsEpochs`).
        end_epoch: last epoch in which it acts, included; without it there is no end.

    Attributes:
        factors: the last ones, by name.
    """

    name: ClassVar[str]
    """Prefix of what the modulation logs."""

    min_modalities: ClassVar[int] = 1
    """Fewest modalities it makes sense for: 2 where it balances them."""

    start_epoch: int = 0
    end_epoch: int | None = None
    factors: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not hasattr(self, "name"):
            raise UserError(
                f'{type(self).__name__}: no name; accepted: name = "..." in the class, the prefix '
                "of what it logs"
            )
        if self.start_epoch < 0 or (
            self.end_epoch is not None and self.end_epoch < self.start_epoch
        ):
            raise UserError(
                f"{type(self).__name__}: 0 <= start_epoch <= end_epoch, "
                f"got start_epoch={self.start_epoch}, end_epoch={self.end_epoch}"
            )
        # A class of one's own may have a constructor of its own, and hints of any kind.
        declared = next(kind for kind in type(self).__mro__ if "__dataclass_fields__" in vars(kind))
        for name, hint in get_type_hints(declared).items():
            if get_origin(hint) is Literal:
                check_choice(f"{type(self).__name__}: {name}", getattr(self, name), get_args(hint))

    def check_positive(self, *options: str) -> None:
        """Refuse options that are not above 0."""
        for name in options:
            if not getattr(self, name) > 0:
                value = getattr(self, name)
                raise UserError(f"{type(self).__name__}.{name} must be positive, got {value}")

    def is_active(self, epoch: int) -> bool:
        """Whether it acts in this epoch."""
        return self.start_epoch <= epoch and (self.end_epoch is None or epoch <= self.end_epoch)

    @abstractmethod
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse modules that cannot be modulated, or have too few modalities."""
        names = self.modulated(pl_module).modalities
        if len(names) < self.min_modalities:
            raise UserError(
                f"trainer.callbacks: {type(self).__name__} balances modalities and needs at least "
                f"{self.min_modalities} of them; the model has {', '.join(names)} alone"
            )

    def modulated(self, module: object) -> Modulated:
        """The module as what it offers to modulations.

        Raises:
            UserError: it does not offer it.
        """
        if not isinstance(module, Modulated):
            raise UserError(
                f"{type(self).__name__} cannot modulate {type(module).__name__}: it needs `step`, "
                "`modality_parameters` and `fusion_parameters` (see MultimodalModule)"
            )
        return module

    def log_factors(self, pl_module: LightningModule) -> None:
        """Log the factors of this step."""
        # The ranks agree on the factors; Lightning asks for the reduction all the same.
        options: dict[str, Any] = {"on_step": True, "on_epoch": True, "sync_dist": True}
        for key, value in self.factors.items():
            quick_log(pl_module, f"{self.name}/{key}", value, batch_size=1, **options)

    @property
    def state_key(self) -> str:
        """Tells two modulations of one class with different windows apart in a checkpoint."""
        return self._generate_state_key(start_epoch=self.start_epoch, end_epoch=self.end_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The last factors, and what else the class keeps."""
        return {name: copy(getattr(self, name)) for name in self._state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        for name in self._state():
            if name in state_dict:  # what a later release keeps besides begins anew
                setattr(self, name, copy(state_dict[name]))

    def _state(self) -> list[str]:
        return [f.name for f in fields(self) if not f.init and not f.name.startswith("_")]


def epoch_of(trainer: Trainer, module: object) -> int:
    """The epoch that windows count: the trainer's, or the one within the module's current task."""
    return module.modulation_epoch if isinstance(module, CountsEpochs) else trainer.current_epoch


def refuse_tasks(module: object, asked_by: str, because: str) -> None:
    """Refuse a module that learns its classes in tasks.

    Args:
        module: any module.
        asked_by: the modulation, and the option that cannot do with tasks.
        because: what it needs instead, as the rest of a sentence that begins with `asked_by`.

    Raises:
        UserError: the module counts epochs within tasks.
    """
    if isinstance(module, CountsEpochs):
        raise UserError(
            f"trainer.callbacks: {asked_by} {because}, "
            f"but {type(module).__name__} learns its classes task by task"
        )


def sum_over_ranks(sums: Tensor, trainer: Trainer) -> Tensor:
    """The sum over all ranks of a tensor of any shape; every rank must ask."""
    if trainer.world_size == 1:
        return sums
    total: Tensor = trainer.strategy.reduce(sums, reduce_op="sum")
    return total


def accuracies(
    trainer: Trainer, stage: str, modalities: Sequence[str], asked_by: str
) -> dict[str, float]:
    """The unimodal accuracies that a module logged last, by modality.

    Args:
        trainer: holds what was logged.
        stage: `train` or `val`.
        modalities: whose accuracies.
        asked_by: the modulation and the option that needs them, for the message.

    Raises:
        UserError: the module did not log one.
    """
    metrics = {name: f"{stage}/accuracy/{name}" for name in modalities}
    missing = [metric for metric in metrics.values() if metric not in trainer.callback_metrics]
    if missing:
        raise UserError(f"{asked_by} needs {', '.join(missing)}, which the model did not log")
    return {name: float(trainer.callback_metrics[metric]) for name, metric in metrics.items()}
