"""Compiled loops on several threads: on those that torch itself computes with.

torch's threads wait awake for what comes next, for milliseconds. Threads of our own would share
their cores with them, which took all that a second thread wins, so a loop is given to torch's:
OpenMP's team, by the function that compilers call for a parallel region.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

_GRAIN = 1 << 17  # numbers below which a second thread costs more than it saves
_SHARE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_teams: set[int] = set()
"""Processes in which loops have run on a team, this one or those that it was forked from."""


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
    calls = [partial(loop, *pair, *arguments) for pair in pairwise(bounds)]
    if chunks == 1:
        calls[0]()
    elif (openmp := _openmp()) is not None and _teams <= {os.getpid()}:
        _in_team(openmp, calls)
    else:
        _in_pool(calls)


@cache
def _openmp() -> Any:
    """What torch's OpenMP exports; None where torch has another, or none (macOS, Windows)."""
    try:
        # A symbol is looked for in the libraries that a library needs, too.
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    except OSError:
        return None
    return library if hasattr(library, "GOMP_parallel") else None


def _in_team(openmp: Any, calls: Sequence[Callable[[], None]]) -> None:
    """Make calls on torch's threads; Python's lock is free while a loop runs."""
    _teams.add(os.getpid())  # a process forked from here would wait for threads it has not
    errors: list[BaseException] = []

    def share(_: Any) -> None:
        # A team may be smaller than it was asked to be.
        for call in calls[openmp.omp_get_thread_num() :: openmp.omp_get_num_threads()]:
            try:
                call()
            except BaseException as error:  # ctypes would print it and go on
                errors.append(error)

    # All of torch's threads, though some have no work: a team of another size is built anew.
    openmp.GOMP_parallel(_SHARE(share), None, torch.get_num_threads(), 0)
    if errors:
        raise errors[0]


def _in_pool(calls: Sequence[Callable[[], None]]) -> None:
    mine, *others = calls
    futures = [_pool(os.getpid(), len(others)).submit(call) for call in others]
    mine()
    for future in futures:
        future.result()


@cache
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    # By process, because the threads of a pool do not survive a fork (data loader workers).
    return ThreadPoolExecutor(workers, thread_name_prefix=f"lif-{process}")
