"""What every modulation of a training shares: its window of epochs, its factors, its noise.

A modulation either rewrites gradients (`GradientModulation`) or the summands of the loss
(`LossModulation`). Both compute factors by a pure function, log them, and keep them for a resume.
"""

from __future__ import annotations

import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from snn_mm.contracts import CountsEpochs, Modulated
from snn_mm.errors import UserError


class Modulation(Callback, ABC):
    """Base of every modulation.

    Args:
        start_epoch: first epoch (counted from 0) in which it acts; within each task where the
            module learns several (`CountsEpochs`).
        end_epoch: last epoch in which it acts, included; without it there is no end.
        seed: seed of any noise the modulation draws; without it the run's own seed. The noise
            depends on it and the optimizer step alone: the same on every rank and after a resume.
    """

    name: str
    """Prefix of what the modulation logs."""

    min_modalities: int = 1
    """Fewest modalities it makes sense for: 2 where it balances them."""

    def __init__(
        self, start_epoch: int = 0, end_epoch: int | None = None, seed: int | None = None
    ) -> None:
        if start_epoch < 0 or (end_epoch is not None and end_epoch < start_epoch):
            raise UserError(
                f"{type(self).__name__}: 0 <= start_epoch <= end_epoch, "
                f"got start_epoch={start_epoch}, end_epoch={end_epoch}"
            )
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self.seed = seed
        self.factors: dict[str, float] = {}

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

    def generator(self, optimizer_step: int, device: torch.device) -> torch.Generator:
        """The source of noise of one optimizer step: the same on every rank, own to each class."""
        run_seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        seed = run_seed if self.seed is None else self.seed
        generator = torch.Generator(device=device)
        own = zlib.crc32(self.name.encode()) * 2**31
        return generator.manual_seed(own + seed * 1_000_003 + optimizer_step)

    def log_factors(self, pl_module: LightningModule) -> None:
        """Log the factors of this step."""
        named = {f"{self.name}/{key}": value for key, value in self.factors.items()}
        # The ranks agree on the factors; Lightning asks for the reduction all the same.
        pl_module.log_dict(named, on_step=True, on_epoch=True, batch_size=1, sync_dist=True)

    @property
    def state_key(self) -> str:
        """Tells two modulations of one class with different windows apart in a checkpoint."""
        return self._generate_state_key(start_epoch=self.start_epoch, end_epoch=self.end_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The last factors."""
        return {"factors": dict(self.factors)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the last factors."""
        self.factors = dict(state_dict["factors"])


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
