"""What programs share that go through many clips: who works, what fails, how far they are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from datamodules.store.clip import Clip
from snn_mm.errors import UserError
from snn_mm.run.lock import holder, lock_file
from snn_mm.run.replace import remove_leftovers, replacing

Result = TypeVar("Result")

OnProgress = Callable[[int, int, int], None]
"""Is told how many clips are done, unreadable ones included, how many there are, and how many of
them are unreadable."""

UNREADABLE = "unreadable.tsv"
HEADER = ("clip", "reason", "picture", "sound")

SHOWN_FAILURES = 2
"""Unreadable clips that a message names; the file names them all."""


@dataclass(frozen=True)
class ProcessingOptions:
    """How clips are gone through; decides nothing of what is made of them.

    Attributes:
        workers: how many clips are decoded at the same time.
        max_unreadable: the largest share of clips that may be left out.
        verify: compare the contents of files with what was made before, too, not only size and
            time.
    """

    workers: int = 1
    max_unreadable: float = 0.02
    verify: bool = False


@contextmanager
def exclusive(
    directory: Path, state: str, refusal: Callable[[Path, OSError], str]
) -> Iterator[None]:
    """Make a directory and keep other processes from writing to it.

    Raises:
        UserError: another process does, which is its `state`; or it can't be written, which
            `refusal` words.
    """
    path = directory / ".lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (lock := lock_file(path)) is None:
            who = holder(path)
            raise UserError(f"{directory} is {state} by another process; wait for its end{who}")
        with lock:
            remove_leftovers(directory, *(each for each in directory.rglob("*") if each.is_dir()))
            yield
    except OSError as error:
        raise UserError(refusal(directory, error)) from error


@dataclass
class FailureList:
    """Counts clips, and writes down at once which can't be read; sorts the table at the end.

    Attributes:
        directory: where `unreadable.tsv` is replaced.
        total: number of clips.
        done: how many were made before, or are done.
        max_unreadable: see `ProcessingOptions`.
        on_progress: is called at the beginning and after each clip.
        made: what becomes of the others, in a word.
        reasons: by id of each clip that can't be read.
    """

    directory: Path
    total: int
    done: int
    max_unreadable: float
    on_progress: OnProgress
    made: str = "prepared"
    reasons: dict[str, str] = field(default_factory=dict, init=False)
    _rows: list[tuple[str, ...]] = field(default_factory=list, init=False)

    @property
    def path(self) -> Path:
        """The table."""
        return self.directory / UNREADABLE

    def __enter__(self) -> FailureList:
        self.on_progress(self.done, self.total, 0)
        _write(self.path, [HEADER], "w")
        return self

    def __exit__(self, *_: object) -> None:
        # The order in which clips get ready depends on the workers; the table must not.
        with replacing(self.path) as temporary:
            _write(temporary, [HEADER, *sorted(self._rows)], "w")

    def readable(
        self, outcomes: Iterable[tuple[Clip, Result | str]]
    ) -> Iterator[tuple[Clip, Result]]:
        """Yield clips with their results; those with a reason in its place are listed.

        Raises:
            UserError: too many of them can't be read.
        """
        for clip, outcome in outcomes:
            if isinstance(outcome, str):
                self._add(clip, outcome)
            else:
                yield clip, outcome
            self.done += 1
            self.on_progress(self.done, self.total, len(self.reasons))
            if len(self.reasons) > self.max_unreadable * self.total:
                raise UserError(self.too_many())

    def _add(self, clip: Clip, reason: str) -> None:
        """Write a row at once, so that it is there even if the process ends now."""
        self.reasons[clip.id] = reason
        row = (clip.id, " ".join(reason.split()), str(clip.picture), str(clip.sound))
        self._rows.append(row)
        _write(self.path, [row], "a")

    def too_many(self) -> str:
        """Say that more can't be read than may be left out."""
        shown = list(self.reasons.items())[:SHOWN_FAILURES]
        first = "\n".join(f"  {name}: {reason}"[:160] for name, reason in shown)
        return (
            f"{len(self.reasons)} of {self.total} clips can't be read, more than "
            f"max_unreadable {self.max_unreadable:g}:\n{first}\n"
            f"  all so far: {self.path}\n"
            f"what is {self.made} is kept: mend them or raise --max_unreadable, and start again"
        )


def _write(path: Path, rows: Iterable[tuple[str, ...]], mode: str) -> None:
    with path.open(mode, newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
