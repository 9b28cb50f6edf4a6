"""Compiled loops on several threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import torch

_GRAIN = 1 << 16  # numbers below which a second thread costs more than it saves


def in_chunks(
    loop: Callable[..., None], size: int, steps: int, *arguments: Any, piece: int = 16
) -> None:
    """Run a loop over M numbers on as many threads as torch uses, the caller's among them.

    Args:
        loop: takes start, stop and the arguments.
        size: M.
        steps: how much work a number is.
        arguments: all else the loop takes.
        piece: what no thread shares with another, in numbers.
    """
    chunks = max(1, min(torch.get_num_threads(), size * steps // _GRAIN))
    bounds = [size * i // chunks // piece * piece for i in range(chunks)] + [size]
    mine, *others = pairwise(bounds)
    futures = [_pool(os.getpid(), chunks - 1).submit(loop, *pair, *arguments) for pair in others]
    loop(*mine, *arguments)
    for future in futures:
        future.result()


@cache
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    # By process, because the threads of a pool do not survive a fork (data loader workers).
    return ThreadPoolExecutor(workers, thread_name_prefix=f"lif-{process}")
