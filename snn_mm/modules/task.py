"""What every trained module shares: an optimizer, and one step that all stages go through."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Self

from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from snn_mm.contracts import Batch, Scope
from snn_mm.errors import UserError
from snn_mm.modules.counted_loss import STAGES as STAGES
from snn_mm.modules.counted_loss import CountedLoss
from snn_mm.modules.counted_loss import Stage as Stage
from snn_mm.modules.data_check import check_batch, check_silent_ranks, lacks_modalities
from snn_mm.modules.optimizers import (
    Interval,
    OptimizerFactory,
    SchedulerFactory,
    check_groups,
    check_interval,
    check_length,
    check_options,
    group_parameters,
    paper_sgd,
    try_schedule,
    validation_interval,
)
from snn_mm.modules.shares import share_of_window


class TaskModule(CountedLoss):
    """Base of every module of this library, whatever it predicts.

    A subclass builds its networks, calls `check_parameter_groups`, and says what a step computes
    (`shared_step`) and whose each parameter is.

    Args:
        optimizer: makes the optimizer from parameters or parameter groups.
        lr_scheduler: makes the learning-rate schedule; none if left out.
        lr_scheduler_interval: whether the schedule advances each `epoch` or each optimizer `step`.
        lr_scheduler_monitor: the metric that ReduceLROnPlateau watches.
        parameter_groups: optimizer options by role (a modality, `fusion`, and `question` where
            questions are asked), such as `{audio: {lr: 0.01}}`; whatever is not named keeps the
            optimizer's own options.
    """

    def __init__(
        self,
        optimizer: OptimizerFactory = paper_sgd,
        lr_scheduler: SchedulerFactory | None = None,
        lr_scheduler_interval: Interval = "epoch",
        lr_scheduler_monitor: str = "val/loss",
        parameter_groups: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self.optimizer_factory = optimizer
        self.scheduler_factory = lr_scheduler
        self.scheduler_interval = lr_scheduler_interval
        self.scheduler_monitor = lr_scheduler_monitor
        self.parameter_groups = dict(parameter_groups or {})

    @abstractmethod
    def shared_step(self, batch: Batch, stage: Stage) -> Tensor:
        """Loss of one batch; updates and logs metrics."""

    @abstractmethod
    def metric_names(self) -> list[str]:
        """Every name that validation logs: what a checkpoint or schedule may monitor."""

    @abstractmethod
    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own head."""

    @abstractmethod
    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused head, or of the whole fusion."""

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> Self:
        """What Lightning makes of a checkpoint and the arguments of the module.

        Raises:
            UserError: arguments are missing, for a checkpoint holds none.
        """
        missing = missing_arguments(cls, kwargs)
        if missing:
            raise UserError(
                f"{cls.__name__}.load_from_checkpoint: a checkpoint holds weights, but not "
                f"{', '.join(missing)}\n"
                "snn_mm.load_run(path).module builds the module from the config beside it"
            )
        return super().load_from_checkpoint(*args, **kwargs)

    def skips_parameters(self) -> bool:
        """Whether a training step may leave some parameters without a gradient.

        What has weight zero is no summand of the loss, so what nothing else uses has none; nor has
        what belongs to a modality that no sample of a batch has.
        """
        return lacks_modalities(self._trainer)

    def setup(self, stage: str) -> None:
        """Have DDP look for parameters without a gradient, unless it was told not to.

        By default it waits for all of them, so that training would end in its second step.

        Raises:
            UserError: ranks would wait for a modality that one of them may not have.
        """
        super().setup(stage)
        strategy = self.trainer.strategy
        if stage == "fit":
            check_silent_ranks(self.trainer, self)
        if isinstance(strategy, DDPStrategy) and self.skips_parameters():
            strategy._ddp_kwargs.setdefault("find_unused_parameters", True)

    @property
    def roles(self) -> tuple[str, ...]:
        """What `parameter_groups` may name: the modalities and `fusion`."""
        return (*self.modalities, "fusion")

    def role_parameters(self, role: str) -> Iterator[nn.Parameter]:
        """Parameters of one role; those of all roles are all there are."""
        fusion = role == "fusion"
        return self.fusion_parameters("module") if fusion else self.modality_parameters(role)

    def check_parameter_groups(self) -> None:
        """Refuse optimizer options of a role that the module does not have."""
        check_groups(self.parameter_groups, self.roles)

    def on_train_start(self) -> None:
        """Refuse a schedule that ends before the training does."""
        check_length(self.trainer)

    def share_of_window(self, batch_idx: int) -> float:
        """What a micro-batch counts for, so that the last accumulation window is a mean too."""
        return share_of_window(self._trainer, batch_idx)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Look at classes while they are at hand: on a GPU an unknown one ends in its own words."""
        predicts = self._trainer is not None and self.trainer.predicting  # inputs are enough
        return batch if predicts or self.device.type == "cpu" else check_batch(batch, self)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One training step."""
        loss = self.shared_step(check_batch(batch, self), "train")
        share = self.share_of_window(batch_idx)
        return loss if share == 1 else loss * share

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """One validation step."""
        self.shared_step(check_batch(batch, self), "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """One test step."""
        self.shared_step(check_batch(batch, self), "test")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer over all parameters or over groups, and its schedule."""
        optimizer = self.optimizer_factory(self._optimizer_input())
        check_options(optimizer, self.parameter_groups)
        if self.scheduler_factory is None:
            return optimizer
        try_schedule(self.optimizer_factory, self.scheduler_factory)
        scheduler = self.scheduler_factory(optimizer)
        check_interval(scheduler, self.scheduler_interval)
        frequency = 1
        if isinstance(scheduler, ReduceLROnPlateau):
            frequency = validation_interval(self._trainer, self.scheduler_monitor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": scheduler,
                "interval": self.scheduler_interval,
                "monitor": self.scheduler_monitor,
                "frequency": frequency,
            },
        }

    def _optimizer_input(self) -> list[Any]:
        if not self.parameter_groups:
            return list(self.parameters())
        members = {role: self.role_parameters(role) for role in self.roles}
        return group_parameters(members, self.parameter_groups)


def missing_arguments(made: type, given: Mapping[str, Any]) -> list[str]:
    """Names of the arguments without default that a class needs and that are not given."""
    parameters = inspect.signature(made).parameters.values()
    named = (p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    return [p.name for p in named if p.default is p.empty and p.name not in given]
