"""The largest value of something while a block runs, such as memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
