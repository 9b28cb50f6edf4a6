"""Evaluating a module in the middle of a training, which goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightning import Trainer
from torch import nn

from snn_mm.contracts import Batch


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, and each of its parts back into its own mode after."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def on_device(batch: Batch, trainer: Trainer) -> Batch:
    """A batch in the precision and on the device of a training."""
    moved: Batch = trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch))
    return moved
