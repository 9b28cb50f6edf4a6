"""What must be made anew when the parameters of a module were replaced within a training."""

from __future__ import annotations

import gc

from lightning import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from snn_mm.errors import UserError


def check_strategy(trainer: Trainer) -> None:
    """Refuse strategies that cannot take over new parameters, such as sharded ones.

    Raises:
        UserError: names the strategy and what is accepted.
    """
    if not isinstance(trainer.strategy, DDPStrategy | SingleDeviceStrategy):
        raise UserError(
            f"trainer.strategy: {type(trainer.strategy).__name__} cannot train a classifier that "
            "grows\naccepted: one device, or ddp"
        )


def renew_training(trainer: Trainer) -> None:
    """Wrap the module for DDP and make optimizers and schedules anew, by Lightning's own means."""
    strategy = trainer.strategy
    if isinstance(strategy, DDPStrategy):
        # The old wrapper must be gone first: its hooks on the gradients wait for old parameters.
        strategy.model = trainer.lightning_module
        gc.collect()
        strategy.configure_ddp()
    strategy.setup_optimizers(trainer)
