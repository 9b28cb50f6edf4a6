"""A training of several ranks, all of which end with the reason of the first that failed."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from lightning import Trainer
from lightning.fabric.plugins.collectives.torch_collective import default_pg_timeout

from snn_mm.commands.training_cli import TrainCLI
from snn_mm.config.errors import error_chain, user_message
from snn_mm.errors import UserError, check_range
from snn_mm.run.ranks import BUG, MISTAKE, Loss, RankWatch, attempt_name, is_broken_collective

NOTICE_SECONDS = 4.0
"""How long a rank whose collective broke waits for the word of the one that failed."""


class RankLostError(UserError):
    """Another rank has failed.

    Args:
        loss: what is known of it.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.message)
        self.code = loss.code


@contextmanager
def watched_ranks(cli: TrainCLI) -> Iterator[None]:
    """Tell the other ranks of a failure within, and learn of theirs; nothing for one rank.

    Raises:
        RankLostError: another rank failed first.
    """
    trainer = cli.trainer
    if trainer.world_size == 1:
        yield
        return
    limit_waiting(trainer, cli.settings.run.rank_timeout_minutes)

    def end(loss: Loss) -> None:
        """Leave from without: the main thread waits for a rank that will not answer."""
        cli.record.close(status="failed", error=loss.message)
        print(f"snnmm: error: {loss.message}", file=sys.stderr, flush=True)
        os._exit(loss.code)

    run, rank = cli.run_directory, trainer.global_rank
    with RankWatch(run, rank, attempt_name(), end, dismiss_observer) as watch:
        try:
            yield
        except BaseException as error:
            if (loss := first_loss(error, watch, cli)) is not None:
                raise RankLostError(loss) from error
            raise


def first_loss(error: BaseException, watch: RankWatch, cli: TrainCLI) -> Loss | None:
    """What another rank failed of before; None if this one is the first, of which it tells."""
    is_broken = any(map(is_broken_collective, error_chain(error)))
    earlier = watch.lost(NOTICE_SECONDS if is_broken else 0.0)
    is_asked = isinstance(error, SystemExit | KeyboardInterrupt)
    if is_broken and not is_asked:
        earlier = earlier or watch.silent() or watch.lost()
        if earlier is not None:
            return earlier  # the others find it, too: told of what broke here, they would not
    if is_asked:
        # A launcher interrupts the ranks that are left; a user, all of them.
        return earlier if earlier is not None and earlier.code in (MISTAKE, BUG) else None
    said = user_message(error, cli.command)
    message = said or f"{type(error).__name__}: {error}"
    watch.fail(message, BUG if said is None else getattr(error, "exit_code", MISTAKE))
    is_same = earlier is not None and earlier.message.partition(": ")[2] == message
    return None if is_same else earlier


def limit_waiting(trainer: Trainer, minutes: float) -> None:
    """Have collectives fail that no answer comes to, unless the strategy has a limit of its own.

    Raises:
        UserError: the limit is no positive time.
    """
    check_range("run.rank_timeout_minutes", minutes, 0.01)
    if getattr(trainer.strategy, "_timeout", None) == default_pg_timeout:
        trainer.strategy._timeout = timedelta(minutes=minutes)  # type: ignore[attr-defined]


def dismiss_observer(pid: int) -> None:
    """Spare this process what Lightning does when a rank that it launched has failed.

    It kills all others at once, before any of them can say why.
    """
    for thread in threading.enumerate():
        children: list[Any] = getattr(thread, "_child_processes", [])
        children[:] = [child for child in children if child.pid != pid]
