"""Ends a training whose numbers are no longer numbers, or leaves such steps out.

A spiking network hides them: neurons that are given NaN do not fire, and the loss stays finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from snn_mm.callbacks.numerics import (
    BatchLoss,
    OptimizerStep,
    broken_gradients,
    broken_weights,
    describe,
    is_broken,
    norms,
    some,
)
from snn_mm.callbacks.recording.rank_agreement import from_ranks
from snn_mm.callbacks.recording.stages import validates_training
from snn_mm.errors import NotFiniteError, check_choice, check_range

Action = Literal["stop", "skip", "ignore"]
LOOK_EVERY = 16
"""Optimizer steps between two looks at a GPU: to look is to wait for it."""


class FiniteGuard(Callback):
    """Look at every loss and gradient, and at all weights before they are kept.

    Gradients are looked at as the optimizer gets them, after every modulation. What fp16's loss
    scaling leaves out by itself is no failure, unless it goes on for `max_skips` steps. The ranks
    of a training decide together. Looking takes less than a hundredth of a step of the quickstart.
    On a GPU the numbers are looked at every 16 steps, and whenever something is saved.

    Args:
        action: what to do about a loss or gradient that is NaN or infinite: `stop` the training,
            `skip` the optimizer step (a GPU is then waited for in each), or `ignore` it.
        max_skips: steps in a row that may be left out before the training is stopped after all.

    Attributes:
        skipped: optimizer steps that were left out so far.
    """

    def __init__(self, action: Action = "stop", max_skips: int = 20) -> None:
        check_choice("guard.action", action, get_args(Action))
        check_range("guard.max_skips", max_skips, 1)
        self.action, self.max_skips = action, max_skips
        self.skipped = self._in_a_row = 0
        self._fine_at = -1
        self._ids: list[str] = []
        self._losses: list[BatchLoss] = []
        self._steps: list[OptimizerStep] = []
        self._buffers: list[tuple[Tensor, Tensor]] | None = None

    @property
    def is_on(self) -> bool:
        """Whether it looks at all."""
        return self.action != "ignore"

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what was cut off; buffers may be others than before."""
        self._losses, self._steps, self._buffers = [], [], None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note whose batch it is, and how the buffers are if they may be needed again."""
        ids = batch.get("id") if isinstance(batch, Mapping) else None
        self._ids = [str(each) for each in ids] if isinstance(ids, list | tuple) else []
        if self._losses or not self._leaves_out(trainer):
            return
        if self._buffers is None:
            self._buffers = [(each, each.clone()) for each in pl_module.buffers()]
        else:
            for live, kept in self._buffers:
                kept.copy_(live)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Keep the loss, without a look."""
        if self.is_on:
            summands = getattr(pl_module, "summands", {})
            self._losses.append(BatchLoss(self._ids, loss.detach(), summands))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Take the gradients' norms, and look at them if it is time."""
        if not self.is_on:
            return
        owned = [p for group in optimizer.param_groups for p in group["params"]]
        given = [p for p in owned if p.grad is not None and p.numel()]
        losses, self._losses = self._losses, []
        sizes = norms([p.grad for p in given if p.grad is not None])
        values = [sizes, *(loss.value.reshape(1).to(sizes) for loss in losses)]
        fine = torch.cat(values).isfinite().all()
        number, epoch = trainer.global_step + 1, trainer.current_epoch + 1
        self._steps.append(OptimizerStep(number, epoch, losses, given, sizes, fine))
        waits = pl_module.device.type == "cpu" or self._leaves_out(trainer)
        if waits or len(self._steps) >= LOOK_EVERY:
            self._look(trainer, pl_module, owned)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the weights before they are rated."""
        if validates_training(trainer):
            self._look_at_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the weights before the epoch is put on record."""
        self._look_at_weights(trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look at the weights before they are kept."""
        self._look_at_weights(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """How many steps were left out, in all and up to now."""
        return {"skipped": self.skipped, "in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it."""
        self.skipped, self._in_a_row = state_dict["skipped"], state_dict["in_a_row"]

    def _leaves_out(self, trainer: Trainer) -> bool:
        """Whether a step may be left out, be it by loss scaling."""
        return self.is_on and (self.action == "skip" or scales_loss(trainer))

    def _look(self, trainer: Trainer, module: LightningModule, owned: list[Tensor]) -> None:
        """Look at what was kept; every rank must."""
        steps, self._steps = self._steps, []
        fine = torch.stack([step.fine for step in steps]).tolist()  # waits for a GPU once
        bad = next((step for step, ok in zip(steps, fine) if not ok and is_broken(step)), None)
        if trainer.strategy.reduce_boolean_decision(bad is None):
            self._in_a_row = 0
            return
        message = first_of_ranks(trainer, None if bad is None else describe(bad, module))
        overflowed = scales_loss(trainer) and bool(broken_gradients(steps[-1]))
        if not (overflowed or self.action == "skip") or self._in_a_row >= self.max_skips:
            row = f", and left out {self._in_a_row} steps before" if self._in_a_row else ""
            raise NotFiniteError(
                f"{message}\naccepted: a smaller learning rate, trainer.gradient_clip_val, or "
                f"guard.action: skip or ignore (it is {self.action}{row})"
            )
        self._in_a_row, self.skipped = self._in_a_row + 1, self.skipped + 1
        for live, kept in self._buffers or ():
            live.copy_(kept)
        if not overflowed:  # loss scaling leaves the step out by itself
            rank_zero_warn(f"an optimizer step is left out\n{message}")
            for parameter in owned:
                parameter.grad = None

    def _look_at_weights(self, trainer: Trainer, module: LightningModule) -> None:
        """Look at the weights, once after each step; every rank must.

        Raises:
            NotFiniteError: names the first that is broken.
        """
        if not self.is_on or self._fine_at == trainer.global_step:
            return
        if self._steps:
            self._look(trainer, module, [])
        broken = broken_weights(module)
        if not trainer.strategy.reduce_boolean_decision(not broken):
            where = f"after step {trainer.global_step} (epoch {trainer.current_epoch + 1})"
            text = f"{where} weights are not finite, and are not kept: {some(broken)}"
            raise NotFiniteError(
                f"{first_of_ranks(trainer, text if broken else None)}\n"
                "accepted: a smaller learning rate, trainer.gradient_clip_val, or "
                "guard.action: ignore"
            )
        self._fine_at = trainer.global_step


def scales_loss(trainer: Trainer) -> bool:
    """Whether fp16's loss scaling is at work, which leaves out steps that overflow."""
    precision = trainer.precision_plugin
    return isinstance(precision, MixedPrecision) and precision.scaler is not None


def first_of_ranks(trainer: Trainer, message: str | None) -> str:
    """What the first rank has to say that has anything to say; every rank must ask."""
    said = enumerate(from_ranks(trainer, message))
    rank, first = next((rank, each) for rank, each in said if each)
    return first if trainer.world_size == 1 else f"rank {rank}: {first}"
