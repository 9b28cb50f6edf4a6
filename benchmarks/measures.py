"""What a step costs: seconds of this process, memory, and counts that other load can't change."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from weakref import WeakSet

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from snn_mm.neurons import packed_spikes

MEASURED_SECONDS = 0.3
"""A step is repeated until it took so long in all, so that a short one is no toss of a coin."""


class Cost(NamedTuple):
    """What a training step takes.

    Attributes:
        seconds: of this process on the processor, the median step.
        kept: bytes that the forward pass keeps for the backward pass, parameters aside.
        peak: bytes of the process at its highest, above what the libraries take.
        calls: operators called forward and backward, fused ones once.
        nodes: of the graph that autograd walks.
    """

    seconds: float
    kept: int
    peak: int
    calls: int
    nodes: int


class Calls(TorchDispatchMode):
    """Counts operators."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count one and call it."""
        self.number += 1
        return func(*args, **(kwargs or {}))


class Kept:
    """A tensor that a graph holds on to, for as long as it does."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def kept_bytes(loss: Callable[[], Tensor], parameters: Iterable[Tensor]) -> int:
    """Bytes of all memory that the graph of a loss holds on to, each piece once."""
    alive: WeakSet[Any] = WeakSet()  # a branch that comes to nothing is let go on the way
    packed = packed_spikes._pack

    def pack(x: Tensor, keep: Callable[[Tensor], Any] = Kept) -> Any:
        kept = keep(x)
        alive.add(kept)
        return kept

    # The hooks of a layer hide what it keeps from those around it.
    with (
        saved_tensors_hooks(pack, lambda kept: kept.tensor),
        patch.object(packed_spikes, "_pack", partial(pack, keep=packed)),
    ):
        value = loss()
    sizes = dict(map(_memory, alive))
    del value  # until here the graph was alive
    known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    return sum(size for address, size in sizes.items() if address not in known)


def _memory(kept: Any) -> tuple[int, int]:
    """Where something kept lies, and its bytes."""
    if isinstance(kept, packed_spikes.PackedSpikes):
        return kept.words.ctypes.data, kept.words.nbytes
    tensor: Tensor = kept.kept if isinstance(kept, packed_spikes.Unpacked) else kept.tensor
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()


def graph_nodes(loss: Tensor) -> int:
    """Nodes of the graph of a loss."""
    seen: set[Any] = set()
    ahead = [loss.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            ahead += [following for following, _ in node.next_functions]
    return len(seen)


def cpu_seconds(step: Callable[[], Any]) -> float:
    """Median of what a step takes of the processor."""
    found: list[float] = []
    while sum(found) < MEASURED_SECONDS or len(found) < 5:
        start = time.process_time()
        step()
        found.append(time.process_time() - start)
    return statistics.median(found)


def peak_rss() -> int:
    """Bytes of this process at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rss() -> int:
    """Bytes of this process now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def in_child(work: Callable[[], Any]) -> Any:
    """What a forked process makes of some work, whose memory is then its own.

    The parent must not have run a backward pass: autograd does not survive a fork.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(work, theirs))
    child.start()
    theirs.close()  # else a process that dies is waited for in vain
    result = ours.recv()
    child.join()
    return result


def _send(work: Callable[[], Any], connection: Connection) -> None:
    connection.send(work())


@contextmanager
def peak_of(value: Callable[[], float], every: float) -> Iterator[list[float]]:
    """Yield a list of one number, which ends as the largest `value()` seen by a thread."""
    peak, done = [value()], threading.Event()

    def watch() -> None:
        while not done.wait(every):
            peak[0] = max(peak[0], value())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
