"""Decodes clips in parallel processes, of which any may die without stopping the others."""

from __future__ import annotations

import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from datamodules.store.clip import Clip, ClipNote, DecodedClip, UnreadableClipError

TIME_LIMIT = 600.0
"""Seconds after which the decoding of a clip has hung."""

POLL = 5.0
"""Seconds between two looks for a worker that hangs."""

Decode = Callable[[Clip], DecodedClip]
Outcome = DecodedClip | str
"""A clip, or the reason why there is none."""
Answer = tuple[Outcome, list[ClipNote]]
"""What a worker sends: an outcome, and what was noted on the way."""

# Forked from a process with threads (a progress bar has one), a child may hang at a lock.
_SPAWN = multiprocessing.get_context("spawn")


class Workers:
    """A number of processes, each of which decodes one clip at a time.

    A process pool of the standard library breaks as a whole when a child dies, and doesn't say
    at which task; here a codec that crashes, or the kernel that ends a process for its memory,
    costs the clip being decoded and nothing else.

    Args:
        count: number of processes.
        decode: what they do; must be importable by them.
    """

    def __init__(self, count: int, decode: Decode) -> None:
        self._workers = [_Worker(decode) for _ in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()

    def outcomes(self, clips: Iterable[Clip]) -> Iterator[tuple[Clip, Outcome]]:
        """Yield each clip with its outcome, in the order in which they get ready."""
        queue = iter(clips)
        busy: dict[Connection, _Worker] = {}
        for worker in self._workers:
            self._hand_next(worker, queue, busy)
        while busy:
            for pipe in wait(list(busy), POLL):
                worker = busy.pop(pipe)  # type: ignore[call-overload]  # wait returns what it got
                clip, (outcome, notes) = worker.clip, worker.collect()
                self._hand_next(worker, queue, busy)
                for note in notes:
                    warnings.warn(note, stacklevel=2)
                yield clip, outcome
            for worker in busy.values():
                worker.kill_if_hanging()

    def _hand_next(
        self, worker: _Worker, queue: Iterator[Clip], busy: dict[Connection, _Worker]
    ) -> None:
        """Give the next clip, if there is one, to a worker."""
        clip = next(queue, None)
        if clip is not None:
            worker.start(clip)
            busy[worker.pipe] = worker


class _Worker:
    """The parent's end of one process, which it starts anew whenever it has died."""

    def __init__(self, decode: Decode) -> None:
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

    def collect(self) -> Answer:
        """Return what became of the clip, which is ready or whose process has died."""
        try:
            answer: Answer = self.pipe.recv()
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


def _serve(pipe: Connection, decode: Decode) -> None:
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


def _outcome(clip: Clip, decode: Decode) -> Outcome:
    try:
        return decode(clip)
    except UnreadableClipError as error:
        return str(error)
    except Exception as error:  # what a damaged file makes a library do costs one clip
        return f"{type(error).__name__}: {error}"
