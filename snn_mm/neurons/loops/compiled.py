"""Loops compiled to machine code by numba, and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import IndexDataCacheFile

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
        stamp = _stamp(Path(function.__code__.co_filename))
        cache = loop._cache
        cache._cache_file = _Entries(cache.cache_path, cache._impl.filename_base, stamp)
    except (RuntimeError, AttributeError, OSError):
        # No writable place for the cache, or another numba: compile in every process.
        return cast("_Function", numba.njit(function, **options))
    return cast("_Function", loop)


class _Entries(IndexDataCacheFile):  # type: ignore[misc]
    """Compiled code in files named after all that it depends on.

    numba numbers them, and an index says which is for which types. Of processes that compile at
    once, as runs of a sweep do after an update, one found in the index what another had not written
    yet, and ran the code of before that the file held. numba's stamp is of the function's file
    alone, too: it would run old code of what the function calls in another file.
    """

    def __init__(self, folder: str, function: str, stamp: str) -> None:
        super().__init__(folder, function, stamp)
        self._all, self._current = f"{function}.*.nbc", f"{function}.{stamp[:16]}.*.nbc"

    def load(self, key: Any) -> Any:
        """What was kept for these types on this kind of machine; None if nothing was."""
        try:
            return self._load_data(self._of(key))
        except OSError:
            return None

    def save(self, key: Any, data: Any) -> None:
        """Keep compiled code, and remove that of other versions of the function."""
        folder = Path(self._cache_path)
        for file in set(folder.glob(self._all)) - set(folder.glob(self._current)):
            file.unlink(missing_ok=True)
        self._save_data(self._of(key), data)

    def _of(self, key: Any) -> str:
        made_for = hashlib.sha256(repr((numba.__version__, key)).encode()).hexdigest()
        return self._current.replace("*", made_for[:16])


@cache
def _stamp(file: Path) -> str:
    """What is in a file of loops, and in all files of loops of this package."""
    files = sorted({*_LOOPS, file})
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()


def inlined(function: _Function) -> _Function:
    """Compile what a loop does so often that calls would take most of the time."""
    return compiled(function, inline=True)
