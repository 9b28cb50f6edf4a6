"""Imports many modules at once, without searching them for garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Keep Python's garbage collector away from what is imported within, then and ever after.

    torch, Lightning and what they import are a million objects that live as long as the process.
    The collector would walk through them again and again while there are more and more of them: a
    sixth of the start, and half a second of every full collection later.
    """
    if "torch" in sys.modules:  # a program of the user's own, whose garbage is its own affair
        yield
        return
    gc.collect()  # what is garbage by now must not be kept
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
