"""Two ways to start a run in a process of its own: a fresh Python, or a fork of a warm one."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver, reduction
from multiprocessing.context import ForkServerProcess
from typing import IO, Any, Protocol

Main = Callable[[list[str]], int]


class Child(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its process id, which is that of its session too."""
        ...

    def poll(self) -> int | None:
        """Its exit code, minus the signal that ended it; None while it lives."""
        ...

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        ...


class Launch(Protocol):
    """Starts `snnmm ARGUMENTS` with its output in a file, in a session of its own.

    Ctrl-C then reaches the sweep alone, which stops its runs itself.
    """

    def __call__(
        self, arguments: Sequence[str], log: IO[bytes], environment: Mapping[str, str]
    ) -> Child:
        """Start it; the process inherits `log`, and with it a lock on it."""
        ...


class FreshStart:
    """Start a program.

    Args:
        program: what answers `fit`.
    """

    def __init__(self, program: Sequence[str]) -> None:
        self.program = program

    def __call__(
        self, arguments: Sequence[str], log: IO[bytes], environment: Mapping[str, str]
    ) -> Child:
        """Start it."""
        return subprocess.Popen(  # noqa: S603
            [*self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )


class ForkStart:
    """Fork each run from one process that has imported everything, and runs nothing itself.

    Importing torch and Lightning takes seconds, more than a small run itself. The standard
    library's fork server imports them once; it has no threads of ours and touches no device, so a
    fork of it is as good as a fresh start.

    Args:
        environment: what the imports see, such as the number of threads.
        main: what a run calls with its arguments.
        modules: what is imported beforehand.
    """

    def __init__(self, environment: Mapping[str, str], main: Main, modules: Sequence[str]) -> None:
        self.main = main
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(modules))
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            forkserver.ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def __call__(
        self, arguments: Sequence[str], log: IO[bytes], environment: Mapping[str, str]
    ) -> Child:
        """Fork it."""
        target = (self.main, list(arguments), Inherited(log.fileno()), dict(environment))
        process = Forked(target=run_forked, args=target)
        process.start()
        return process


class Forked(ForkServerProcess):
    """A fork, watched and stopped like a `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.ident or 0

    def poll(self) -> int | None:
        """Its exit code, None while it lives."""
        return self.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class Inherited:
    """A file descriptor on its way to a child: the same open file, so that its lock goes along.

    Args:
        descriptor: the descriptor here.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return taken, (reduction.DupFd(self.descriptor),)


def taken(duplicate: Any) -> int:
    """The descriptor in the child."""
    descriptor: int = duplicate.detach()
    return descriptor


def run_forked(main: Main, arguments: list[str], log: int, environment: dict[str, str]) -> None:
    """What a fork does: become what a fresh process would be, and run."""
    gc.freeze()  # what was imported is no garbage; to look through it would copy every page of it
    os.setsid()
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    sys.exit(main(arguments))
