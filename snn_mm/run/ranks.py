"""Ranks of one training that share their fate: a file of each tells the others how it is."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from snn_mm.run.directory import RunDirectory, read_json, write_json
from snn_mm.run.identity import agree_on, forget_groups
from snn_mm.run.lock_mark import describe_process, is_running

MISTAKE, BUG = 2, 1
"""Exit codes of what a user can mend, and of the rest."""

ATTEMPT_VARIABLE = "SNN_MM_ATTEMPT"
"""Tells the ranks that Lightning launches which attempt at the run they belong to."""

POLL_SECONDS = 1.0
SIGN_SECONDS = 10.0
"""How long a rank on another machine may give no sign, of those of each second, and still live."""
GRACE_SECONDS = 15.0
"""After a loss: what a rank may take to notice by itself, in a broken collective, and to leave."""

BROKEN = re.compile(
    r"gloo|NCCL|Connection (closed|reset)|Broken pipe|Timed out waiting|pair closure|TCPStore",
    re.IGNORECASE,
)


class Loss(NamedTuple):
    """Why a training of several ranks can't go on.

    Attributes:
        message: what happened, and on which rank.
        code: exit code of the process.
        time: seconds since the epoch; infinite for what left no word.
    """

    message: str
    code: int
    time: float


class RankWatch:
    """Tells the other ranks when this one fails, and ends this one when another has failed.

    Of each rank there is a file `.ranks/RANK.json` in the run directory while it trains: which
    process it is, and later what it failed of. A collective that breaks says no more than that some
    peer is gone, and under NCCL it waits; who looks here knows the reason. The file's date is a
    sign of life, for ranks on other machines.

    Args:
        run: the run directory.
        rank: this rank.
        attempt: the same word on all ranks, another one in every attempt at the run.
        end: called in a thread of its own when another rank is lost and this one does not leave.
        arrive: called in that thread with the number of the process of every other rank, once.
    """

    def __init__(
        self,
        run: RunDirectory,
        rank: int,
        attempt: str,
        end: Callable[[Loss], None],
        arrive: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self.folder, self.rank, self.attempt = run.path / ".ranks", rank, attempt
        self.end, self.arrive = end, arrive
        self._seen: set[int] = set()
        self._mark: dict[str, Any] = {"attempt": attempt, "process": describe_process(os.getpid())}
        self._left = threading.Event()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self._mark)
        threading.Thread(target=self._watch, daemon=True, name="rank-watch").start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave; a rank that leaves without a word has come to its end."""
        self._left.set()
        if "failure" not in self._mark:
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def fail(self, message: str, code: int) -> None:
        """Say what this rank failed of."""
        failure = {"message": message, "code": code, "time": time.time()}
        self._mark["failure"] = failure
        write_json(self._path, self._mark)

    def lost(self, seconds: float = 0.0) -> Loss | None:
        """The first failure of another rank, else one that is gone without a word, if any.

        Args:
            seconds: how long to wait for one.
        """
        until = time.monotonic() + seconds
        while True:
            failed = [loss for rank, mark in self._others() if (loss := failure_of(rank, mark))]
            gone = [self._gone(rank, mark) for rank, mark in self._others() if not failed]
            losses = [*failed, *filter(None, gone)]
            if losses or time.monotonic() >= until:
                return min(losses, key=lambda loss: loss.time, default=None)
            time.sleep(min(POLL_SECONDS, 0.2))

    def silent(self) -> Loss | None:
        """The first rank on another machine that gives no sign of life; each is waited for."""
        seen = {rank: self._sign(rank) for rank, mark in self._others() if not self._is_here(mark)}
        until = time.monotonic() + SIGN_SECONDS
        while seen and time.monotonic() < until:
            time.sleep(min(POLL_SECONDS, 0.2))
            seen = {rank: sign for rank, sign in seen.items() if self._sign(rank) == sign}
        for rank, mark in self._others():
            if rank in seen:
                pid, host = mark["process"]["pid"], mark["process"]["host"]
                message = f"rank {rank} (process {pid} on {host}) gives no sign of life"
                return Loss(message, BUG, float("inf"))
        return None

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.rank}.json"

    def _others(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for path in sorted(self.folder.glob("[0-9]*.json")):
            mark = read_json(path)
            if path != self._path and mark.get("attempt") == self.attempt:
                yield int(path.stem), mark

    def _sign(self, rank: int) -> int:
        """The last sign of a rank; opened, the file of a network drive is no stale one."""
        with contextlib.suppress(OSError), (self.folder / f"{rank}.json").open() as file:
            return os.fstat(file.fileno()).st_mtime_ns
        return 0

    def _is_here(self, mark: dict[str, Any]) -> bool:
        """Whether a process can be looked for from this one."""
        here, there = self._mark["process"], mark["process"]
        return all(here[key] == there[key] for key in ("host", "boot", "namespace"))

    def _gone(self, rank: int, mark: dict[str, Any]) -> Loss | None:
        """Of a rank on this machine; see `silent` for the others."""
        there = mark["process"]
        if not self._is_here(mark) or is_running(there):
            return None
        now = read_json(self.folder / f"{rank}.json")  # it may have left in between
        if now.get("attempt") != self.attempt:
            return None
        said = failure_of(rank, now)
        gone = f"rank {rank} (process {there['pid']}) is gone without a word"
        return said or Loss(f"{gone}: killed, perhaps for want of memory", BUG, float("inf"))

    def _watch(self) -> None:
        while not self._left.wait(POLL_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(self._path)
            for pid in {mark["process"]["pid"] for _, mark in self._others()} - self._seen:
                self._seen.add(pid)
                self.arrive(pid)
            if (loss := self.lost()) is not None:
                if not self._left.wait(GRACE_SECONDS):
                    self.end(loss)
                return


def failure_of(rank: int, mark: dict[str, Any]) -> Loss | None:
    """What a rank says that it failed of; None if it says nothing."""
    failure = mark.get("failure")
    if failure is None:
        return None
    return Loss(f"rank {rank}: {failure['message']}", failure["code"], failure["time"])


def attempt_name() -> str:
    """A word that the ranks of this attempt at a run share, and no other attempt has."""
    environment = os.environ
    if environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        count = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
        forget_groups()  # before the others, who wait for the word, make theirs
        return agree_on(f"attempt/{count}", secrets.token_hex(8))
    if "SLURM_STEP_ID" in environment:
        names = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
        return ".".join(environment.get(name, "0") for name in names)
    return environment.setdefault(ATTEMPT_VARIABLE, secrets.token_hex(8))


def is_broken_collective(error: BaseException) -> bool:
    """Whether an error only tells that another rank does not answer."""
    return isinstance(error, RuntimeError) and bool(BROKEN.search(str(error)))
