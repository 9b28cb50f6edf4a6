"""How far `snnmm prepare` is, by a bar or a line now and then, and what it notes."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from snn_mm.analysis.report.wording import duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PAUSE = 10.0
"""Seconds between two lines."""


@contextmanager
def notes_as_lines() -> Iterator[None]:
    """Print warnings as plain lines without source code: a line for each reason of `ClipNote`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for line in _note_lines([warning.message for warning in caught]):
                print(f"note: {line}", flush=True)


def _note_lines(messages: Sequence[Warning | str]) -> list[str]:
    """Return the lines of warnings, the names of files together that have the same note."""
    from datamodules.store.clip import ClipNote  # needs NumPy, which help does without

    files: dict[str, dict[str, None]] = {}
    for each in messages:
        if isinstance(each, ClipNote):
            files.setdefault(each.reason, {})[each.name] = None
        else:
            files[str(each)] = {}
    return [f"{reason}{_examples(list(names))}" for reason, names in files.items()]


def _examples(names: Sequence[str]) -> str:
    more = ", ..." * (len(names) > 3)
    return f": {len(names)} files ({', '.join(sorted(names)[:3])}{more})" if names else ""


class PrepareProgress:
    """Is called with the counts after each clip.

    Args:
        is_terminal: whether to draw a bar; as standard output is if None.
    """

    def __init__(self, is_terminal: bool | None = None) -> None:
        self._is_terminal = sys.stdout.isatty() if is_terminal is None else is_terminal
        self._bar: Bar | None = None
        self._begin = self._printed = time.monotonic()
        self._done_before: int | None = None

    def __enter__(self) -> PrepareProgress:
        if self._is_terminal:
            # Imported here: a log file needs no bar.
            from rich.progress import MofNCompleteColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(*Bar.get_default_columns(), MofNCompleteColumn(), transient=True)
            self._task = self._bar.add_task("clips", total=None)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, unreadable: int) -> None:
        """Show the counts."""
        if self._done_before is None:
            self._done_before, self._begin = done, time.monotonic()
            if done:
                self._note(f"going on: {done} of {total} clips were prepared before")
        if self._bar is not None:
            text = f"clips, {unreadable} unreadable" if unreadable else "clips"
            self._bar.update(self._task, completed=done, total=total, description=text)
        elif time.monotonic() - self._printed >= PAUSE:
            self._printed = time.monotonic()
            self._note(self._line(done, total, unreadable))

    def _line(self, done: int, total: int, unreadable: int) -> str:
        parts = [f"{done:>{len(str(total))}}/{total} clips"]
        parts += [f"{unreadable} unreadable"] if unreadable else []
        new = done - (self._done_before or 0)
        if new and done < total:
            left = (time.monotonic() - self._begin) / new * (total - done)
            parts.append(f"about {duration(left)} left")
        return "  ".join(parts)

    def _note(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            print(text, flush=True)
