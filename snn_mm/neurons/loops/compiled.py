"""Loops compiled to machine code by numba, and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_LOOPS = sorted(Path(__file__).parent.glob("*.py"))

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function, inline: bool = False) -> _Function:
    """Compile a loop to machine code, once for every machine where there is room to keep it.

    Args:
        function: the loop.
        inline: whether it becomes part of what calls it, whatever LLVM thinks of that.
    """
    options = {"nogil": True, "error_model": "numpy", "forceinline": inline}
    try:
        loop = numba.njit(function, cache=True, **options)
        # numba compares this with what it kept. Its own stamp is of the function's file alone, so
        # that it would run old code of what the function calls in another file.
        loop._cache._cache_file._source_stamp = _stamp(Path(function.__code__.co_filename))
    except (RuntimeError, AttributeError, OSError):
        # No writable place for the cache, or another numba: compile in every process.
        return cast("_Function", numba.njit(function, **options))
    return cast("_Function", loop)


@cache
def _stamp(file: Path) -> str:
    """What is in a file of loops, and in all files of loops of this package."""
    files = sorted({*_LOOPS, file})
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()


def inlined(function: _Function) -> _Function:
    """Compile what a loop does so often that calls would take most of the time."""
    return compiled(function, inline=True)
