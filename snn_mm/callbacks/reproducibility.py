"""Makes what an epoch draws a function of seed, epoch and rank, so that nothing needs storing."""

from __future__ import annotations

import random
from typing import Any, Literal, get_args

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

Stream = Literal["loading", "training", "evaluation"]


class EpochSeed(Callback):
    """Seed Python, NumPy and PyTorch anew in every training epoch.

    A resumed run then draws what the uninterrupted run would have drawn. There are two streams,
    because Lightning makes the iterator of the first epoch of a process before `on_train_start` and
    every other one after `on_train_epoch_start`: `loading` is set before the iterator is made (it
    draws the order of the samples and the seed of the workers), `training` before the first step.
    What a test draws is set when it begins, so it does not depend on the training before it.

    Workers that outlive an epoch (`persistent_workers`) keep their own generators: transforms that
    draw must then derive their seed from the sample and the epoch.

    Args:
        seed: seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._first_epoch = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the generators of an evaluation."""
        if stage != "fit":
            seed_everywhere(derive_seed(self.seed, 0, trainer.global_rank, "evaluation"))

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the `loading` stream of the first epoch; the sanity check leaves it as it is."""
        seed_everywhere(derive_seed(self.seed, self._first_epoch, trainer.global_rank, "loading"))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the `loading` stream of every later epoch."""
        epoch = trainer.current_epoch
        if epoch != self._first_epoch:
            seed_everywhere(derive_seed(self.seed, epoch, trainer.global_rank, "loading"))

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set the `training` stream."""
        if batch_idx == 0:
            epoch = trainer.current_epoch
            seed_everywhere(derive_seed(self.seed, epoch, trainer.global_rank, "training"))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Learn which epoch comes first in a resumed run."""
        self._first_epoch = checkpoint["epoch"]


def derive_seed(seed: int, epoch: int, rank: int, stream: Stream) -> int:
    """A 32-bit seed from the seed of the run, the epoch, the rank and the stream."""
    key = (seed, epoch, rank, get_args(Stream).index(stream))
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def seed_everywhere(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch (all devices)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - transforms of other libraries draw from it
    torch.manual_seed(seed)
