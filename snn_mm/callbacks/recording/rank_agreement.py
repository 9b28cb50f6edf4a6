"""One wish of any rank that becomes a decision of all, without asking at every batch."""

from __future__ import annotations

import math
import time
from typing import Any, TypeVar

import torch
from lightning import Trainer
from lightning.fabric.utilities.apply_func import move_data_to_device

from snn_mm.errors import UserError

OwnT = TypeVar("OwnT")

ASK_SECONDS = 5.0
"""About how far apart the ranks ask each other; asking is a collective."""


class RankAgreement:
    """Asks the ranks now and then whether one of them wishes something.

    Ranks reach a batch at different times. How many batches lie between two questions follows from
    how long a batch takes, and is agreed on as well.
    """

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, batch: int) -> None:
        """Ask next before this batch of the epoch, the same on all ranks."""
        self._next = self._batch = batch
        self._asked = time.monotonic()

    def ask(self, trainer: Trainer, batch: int, wish: bool) -> bool:
        """Whether any rank has the wish; False where it is not time to ask."""
        if trainer.world_size == 1:
            return wish
        if batch < self._next:
            return False
        seconds, batches = time.monotonic() - self._asked, batch - self._batch
        wait = max(1.0, ASK_SECONDS * batches / seconds) if seconds > 0 else 1.0
        wished, wait = agreed(trainer, wish, wait)
        self._batch, self._next, self._asked = batch, batch + int(wait), time.monotonic()
        return wished


class ValidationAgreement(RankAgreement):
    """Asks amid a validation, of which ranks may have different shares.

    Streams, whose length nobody knows, are not left before their end.
    """

    def begin_validation(self, trainer: Trainer) -> None:
        """Learn how many batches every rank has; every rank must."""
        self.begin(0)
        batches = from_ranks(trainer, sum(trainer.num_val_batches))
        self._over, self._shared = 0, 0.0 if math.inf in batches else min(batches)

    def ask_after_batch(self, trainer: Trainer, wish: bool) -> bool:
        """Whether any rank has the wish; False where no one is to be asked."""
        self._over += 1
        is_shared = trainer.world_size == 1 or self._over <= self._shared
        return is_shared and self.ask(trainer, self._over, wish)


def from_ranks(trainer: Trainer, own: OwnT) -> list[OwnT]:
    """What each rank has, by rank, tensors of it on the CPU; every rank must call it."""
    if trainer.world_size == 1:
        return [own]
    found: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(found, move_data_to_device(own, torch.device("cpu")))
    return found


def agreed(trainer: Trainer, wish: bool, number: float = 0.0) -> tuple[bool, float]:
    """Whether any rank has a wish, and the largest number; every rank must ask."""
    if trainer.world_size == 1:
        return wish, number
    mine = torch.tensor([float(wish), number], device=trainer.strategy.root_device)
    most = trainer.strategy.reduce(mine, reduce_op="max").tolist()
    return bool(most[0]), most[1]


def check_even(trainer: Trainer) -> None:
    """Refuse ranks that differ in how many batches an epoch of theirs has; all must call it.

    Raises:
        UserError: names each rank's number.
    """
    if trainer.world_size == 1:
        return
    own = torch.zeros(trainer.world_size, device=trainer.strategy.root_device)
    own[trainer.global_rank] = trainer.num_training_batches
    counts = trainer.strategy.reduce(own, reduce_op="sum").tolist()
    if len(set(counts)) > 1:
        listed = ", ".join(f"rank {rank} {count:.0f}" for rank, count in enumerate(counts))
        raise UserError(
            f"data: ranks have different numbers of training batches in an epoch: {listed}\n"
            "one would wait for the others in vain; accepted: as many on each rank"
        )


def check_end(trainer: Trainer) -> None:
    """Refuse an epoch of unknown length that is over on some of the ranks; all must call it.

    Raises:
        UserError: names how many batches there were.
    """
    if trainer.world_size == 1 or trainer.num_training_batches != math.inf:
        return
    last = torch.tensor(float(trainer.is_last_batch), device=trainer.strategy.root_device)
    ended = int(trainer.strategy.reduce(last, reduce_op="sum"))
    if 0 < ended < trainer.world_size:
        raise UserError(
            f"data: {ended} of {trainer.world_size} ranks have no training batch after batch "
            f"{trainer.fit_loop.batch_idx + 1} of an epoch, the others have\n"
            "one would wait for the others in vain; accepted: as many on each rank"
        )
