"""Makes what a step draws a function of seed, epoch, batch and rank, so nothing needs storing."""

from __future__ import annotations

import random
from typing import Any, Literal, get_args

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from snn_mm.run.position import training_position

Stream = Literal["loading", "training", "evaluation"]


class EpochSeed(Callback):
    """Seed Python, NumPy and PyTorch anew at every training batch.

    A resumed run then draws what the uninterrupted run would have drawn, in the middle of an epoch
    too. There are two streams, because a batch is fetched before its step begins, and Lightning
    makes the iterator of the first epoch of a process before `on_train_start` and every other one
    after `on_train_epoch_start`: `loading` is set before the iterator is made (it draws the order
    of the samples and the seed of the workers) and before each fetch, `training` before each step.
    What a test draws is set when it begins, so it does not depend on the training before it.

    Workers keep generators of their own, through an epoch and beyond it (`persistent_workers`):
    transforms that draw there must derive their seed from the sample and the epoch.

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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the `loading` stream of the batch that a run resumed amid an epoch goes on with."""
        if batches := training_position(trainer).batches:
            self._seed(trainer, pl_module, "loading", batches)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the `loading` stream of every later epoch."""
        if trainer.current_epoch != self._first_epoch:
            self._seed(trainer, pl_module, "loading", 0)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set the `training` stream."""
        self._seed(trainer, pl_module, "training", batch_idx)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Set the `loading` stream of the next batch."""
        self._seed(trainer, pl_module, "loading", batch_idx + 1)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Learn which epoch comes first in a resumed run."""
        self._first_epoch = checkpoint["epoch"]

    def _seed(self, trainer: Trainer, module: LightningModule, stream: Stream, batch: int) -> None:
        seed = derive_seed(self.seed, trainer.current_epoch, trainer.global_rank, stream, batch)
        seed_everywhere(seed, all_devices=module.device.type != "cpu")


def derive_seed(seed: int, epoch: int, rank: int, stream: Stream, batch: int = 0) -> int:
    """A 32-bit seed from the seed of the run, the epoch, the rank, the stream and the batch."""
    key = (seed, epoch, rank, get_args(Stream).index(stream), *([batch] if batch else []))
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def seed_everywhere(seed: int, all_devices: bool = True) -> None:
    """Seed the global generators of Python, NumPy and PyTorch; or of the CPU alone, faster."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - transforms of other libraries draw from it
    if all_devices:
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
