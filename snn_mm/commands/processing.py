"""What commands share that go through many clips: options, how far they are, what they note."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.report.wording import duration
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from datamodules.store.processing import ProcessingOptions

PAUSE = 10.0
"""Seconds between two lines."""


def new_parser(
    usage: str, description: str, epilog: str, clips: str, made: str, workers: str = "processes"
) -> argparse.ArgumentParser:
    """Return a parser with the options of how clips are gone through.

    Args:
        usage: begins with the command.
        description: what it does.
        epilog: what else help shows.
        clips: what the command calls them.
        made: what becomes of a clip, in a word.
        workers: what works at the same time.
    """
    name, layout = " ".join(usage.split()[:2]), argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(name, usage, description, epilog, formatter_class=layout)
    group = parser.add_argument_group(f"how {clips} are gone through")
    add, cores = group.add_argument, os.cpu_count() or 1
    add("--workers", type=int, default=cores, metavar="N", help=f"{workers}; default: {cores}")
    text = f"the largest share of {clips} to leave out; default: 0.02"
    add("--max_unreadable", type=float, default=0.02, metavar="SHARE", help=text)
    text = f"compare the contents of {clips} that were {made}, too, not only size and time"
    add("--verify", action="store_true", help=text)
    return parser


def check_options(options: argparse.Namespace, *folders: str) -> None:
    """Refuse directories that are given and not there, and numbers out of range."""
    for flag in folders:
        folder: Path | None = getattr(options, flag)
        if folder is not None and not folder.is_dir():
            raise UserError(f"--{flag} {folder}: no such directory")
    if options.workers < 1:
        raise UserError(f"--workers {options.workers}: accepted are 1 and more")
    if not 0 <= options.max_unreadable < 1:
        raise UserError(f"--max_unreadable {options.max_unreadable}: accepted are 0 to below 1")


def processing_options(options: argparse.Namespace) -> ProcessingOptions:
    """Return what was typed of how clips are gone through."""
    from datamodules.store.processing import ProcessingOptions  # needs NumPy

    return ProcessingOptions(options.workers, options.max_unreadable, options.verify)


def print_fact(name: str, text: str) -> None:
    """Print a line of what was made."""
    print(f"{name:<12} {text}")


def print_unreadable(count: int, directory: Path, what_next: str = "") -> None:
    """Print how many clips are left out and where they are listed, if any are."""
    if count:
        print_fact("unreadable", f"{count}, listed in {directory / 'unreadable.tsv'}{what_next}")


def print_store(directory: Path, fingerprint: str) -> None:
    """Print what identifies a store."""
    size = sum(file.stat().st_size for file in directory.iterdir())
    print_fact("size", f"{size / 1e6:.1f} MB in {directory}")
    print_fact("fingerprint", fingerprint)


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


class ClipProgress:
    """Is called with the counts after each clip.

    Args:
        is_terminal: whether to draw a bar; as standard output is if None.
    """

    def __init__(self, is_terminal: bool | None = None) -> None:
        self._is_terminal = sys.stdout.isatty() if is_terminal is None else is_terminal
        self._bar: Bar | None = None
        self._begin = self._printed = time.monotonic()
        self._done_before: int | None = None

    def __enter__(self) -> ClipProgress:
        if self._is_terminal:
            # Imported here: a log file needs no bar.
            from rich.progress import MofNCompleteColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(*Bar.get_default_columns(), MofNCompleteColumn(), transient=True)
            self._task = self._bar.add_task("clips", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
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
