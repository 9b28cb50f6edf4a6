"""Decodes clips in parallel processes, of which any may die without stopping the others."""

from __future__ import annotations

import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from datamodules.store.clip import Clip, ClipNote, UnreadableClipError

TIME_LIMIT = 600.0
"""Seconds after which the decoding of a clip has hung."""

POLL = 5.0
"""Seconds between two looks for a worker that hangs."""

Result = TypeVar("Result")

# Forked from a process with threads (a progress bar has one), a child may hang at a lock.
_SPAWN = multiprocessing.get_context("spawn")


class Workers(Generic[Result]):
    """A number of processes, each of which decodes one clip at a time.

    A process pool of the standard library breaks as a whole when a child dies, and doesn't say
    at which task; here a codec that crashes, or the kernel that ends a process for its memory,
    costs the clip being decoded and nothing else.

    Args:
        count: number of processes.
        decode: what they do; must be importable by them.
    """

    def __init__(self, count: int, decode: Callable[[Clip], Result]) -> None:
        self._workers = [_Worker(decode) for _ in range(count)]

    def __enter__(self) -> Workers[Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()

    def outcomes(self, clips: Iterable[Clip]) -> Iterator[tuple[Clip, Result | str]]:
        """Yield each clip when it is ready, with what it became or the reason why it can't be."""
        queue = iter(clips)
        busy: dict[Connection, _Worker[Result]] = {}

        def hand_next(worker: _Worker[Result]) -> None:
            if (clip := next(queue, None)) is not None:
                worker.start(clip)
                busy[worker.pipe] = worker

        for worker in self._workers:
            hand_next(worker)
        while busy:
            for pipe in wait(list(busy), POLL):
                worker = busy.pop(pipe)  # type: ignore[call-overload]  # wait returns what it got
                clip, (outcome, notes) = worker.clip, worker.collect()
                hand_next(worker)
                for note in notes:
                    warnings.warn(note, stacklevel=2)
                yield clip, outcome
            for worker in busy.values():
                worker.kill_if_hanging()


class _Worker(Generic[Result]):
    """The parent's end of one process, which it starts anew whenever it has died."""

    def __init__(self, decode: Callable[[Clip], Result]) -> None:
        self.decode = decode
        self.clip: Clip
        self._started = 0.0
        self._launch()

    def _launch(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, self.decode), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    def start(self, clip: Clip) -> None:
        """Begin with a clip."""
        self.clip, self._started = clip, time.monotonic()
        try:
            self.pipe.send(clip)
        except OSError:  # the process has died since
            self._launch()
            self.pipe.send(clip)

    def collect(self) -> tuple[Result | str, list[ClipNote]]:
        """Return what became of the clip, ready or dead with its process, and what was noted."""
        try:
            answer: tuple[Result | str, list[ClipNote]] = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            self.pipe.close()
            return self._cause_of_death(), []
        return answer

    def _cause_of_death(self) -> str:
        code = self.process.exitcode or 0
        if code == -signal.SIGKILL and time.monotonic() - self._started > TIME_LIMIT:
            return f"decoding it took more than {TIME_LIMIT:.0f} s"
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"the process that decoded it died ({how})"

    def kill_if_hanging(self) -> None:
        """End the process if its clip takes too long; its pipe then ends, too."""
        if time.monotonic() - self._started > TIME_LIMIT:
            self.process.kill()

    def kill(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, decode: Callable[[Clip], Result]) -> None:
    """Decode what comes through the pipe until the parent is done, or dead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    notes: list[ClipNote] = []
    _collect_notes(notes)
    try:
        while True:
            outcome = _outcome(pipe.recv(), decode)
            pipe.send((outcome, notes))
            notes.clear()
    except (EOFError, OSError):
        return


def _collect_notes(notes: list[ClipNote]) -> None:
    """Keep the notes of clips for the parent, and leave other warnings as they are."""
    show = warnings.showwarning

    def keep(message: Warning | str, *rest: Any, **options: Any) -> None:
        if isinstance(message, ClipNote):
            notes.append(message)
        else:
            show(message, *rest, **options)

    warnings.simplefilter("always", ClipNote)
    warnings.showwarning = keep


def _outcome(clip: Clip, decode: Callable[[Clip], Result]) -> Result | str:
    try:
        return decode(clip)
    except UnreadableClipError as error:
        return str(error)
    except Exception as error:  # what a damaged file makes a library do costs one clip
        return f"{type(error).__name__}: {error}"
