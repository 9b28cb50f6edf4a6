"""Lets readers loose on damaged files in forked processes, with a limit of time and of memory."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from datamodules.store.clip import UnreadableClipError
from snn_mm.errors import UserError
from tests.fuzz.mutate import mutated

CPU_SECONDS = 5.0
WALL_SECONDS = 60.0
MEMORY = 1 << 29
"""Bytes that a read may really use beyond what the process has."""
ADDRESSES = 1 << 31
"""Bytes that it may reserve: a claim of a file alone, of which nothing comes, costs none."""

READ, REFUSED = "read", "refused"


class TooLongError(BaseException):
    """A read took more than `CPU_SECONDS`; nothing that catches errors catches it."""


@dataclass(frozen=True)
class Reader:
    """Something that reads a file from outside.

    Attributes:
        name: what a table calls it.
        make: writes whole files to a folder and returns those that are to be damaged.
        read: reads the folder.
    """

    name: str
    make: Callable[[Path], list[Path]]
    read: Callable[[Path], object]


@dataclass
class Outcomes:
    """What came of many damaged files.

    Attributes:
        counts: by kind: `read`, `refused`, or what must not be.
        examples: of what must not be, the seed and the end of the stack.
        slowest: CPU seconds of the slowest read.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0

    @property
    def bad(self) -> dict[str, int]:
        """What must not be."""
        return {kind: n for kind, n in self.counts.items() if kind not in (READ, REFUSED)}

    def add(self, seed: int, kind: str, detail: str, seconds: float) -> None:
        """Count one."""
        self.counts[kind] += 1
        self.slowest = max(self.slowest, seconds)
        if kind not in (READ, REFUSED):
            self.examples.setdefault(kind, f"seed {seed}: {detail}")


def fuzz(reader: Reader, count: int, folder: Path) -> Outcomes:
    """Damage the files of a reader and read them, so many times.

    Args:
        reader: the reader.
        count: how often.
        folder: where to do it; empty.
    """
    outcomes = Outcomes()
    whole = folder / "whole"
    whole.mkdir()
    files = [file.relative_to(whole) for file in reader.make(whole)]
    copy = shutil.copytree(whole, folder / "sound")
    reader.read(copy)  # else every refusal would prove nothing
    first = 0
    while first < count:
        for seed, kind, detail, seconds in _in_child(reader, whole, files, range(first, count)):
            outcomes.add(seed, kind, detail, seconds)
            first = seed + 1
    return outcomes


def _in_child(
    reader: Reader, whole: Path, files: list[Path], seeds: range
) -> Iterator[tuple[int, str, str, float]]:
    """Yield what came of each seed; the last one may have killed the child."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        _run(reader, whole, files, seeds, sink)
    os.close(sink)
    done, buffer, ended = seeds.start, b"", ""
    with os.fdopen(source, "rb", buffering=0) as lines:
        while done < seeds.stop:
            ready, _, _ = select.select([lines], [], [], WALL_SECONDS)
            part = lines.read(1 << 16) if ready else b""
            if not part:
                ended = "" if ready else "hung"
                break
            buffer += part
            *whole_lines, buffer = buffer.split(b"\n")
            for line in whole_lines:
                yield json.loads(line)
                done += 1
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if done < seeds.stop:
        code = signal.Signals(status & 0x7F).name if status & 0x7F else f"exit {status >> 8}"
        yield done, ended or f"killed by {code}", "no stack", 0.0


def _run(reader: Reader, whole: Path, files: list[Path], seeds: range, sink: int) -> NoReturn:
    """The child: read for every seed, and write a line each."""
    try:
        signal.signal(signal.SIGPROF, _too_long)
        warnings.simplefilter("ignore")
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES, resource.RLIM_INFINITY))
        peak = _peak() + MEMORY
        for seed in seeds:
            begin = time.process_time()
            kind, detail = read_damaged(reader, whole, files, seed)
            if _peak() > peak:
                kind, detail, peak = "memory", detail, _peak() + MEMORY
            line = json.dumps([seed, kind, detail, time.process_time() - begin])
            os.write(sink, line.encode() + b"\n")
    finally:
        os._exit(0)


def read_damaged(reader: Reader, whole: Path, files: list[Path], seed: int) -> tuple[str, str]:
    """Damage one file of a copy, read the copy, and say what came of it."""
    rng = random.Random(f"{reader.name} {seed}")
    copy = whole.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    target = rng.choice(files)
    alike = [(whole / file).read_bytes() for file in files if file.suffix == target.suffix]
    (copy / target).write_bytes(mutated((whole / target).read_bytes(), alike, rng))
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        reader.read(copy)
    except (UserError, UnreadableClipError) as error:
        return REFUSED, str(error)[:300]
    except BaseException as error:
        stack = "".join(traceback.format_exception(error)[-4:])[-900:]
        return type(error).__name__, f"{target}\n{stack}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return READ, ""


def _peak() -> int:
    """The most bytes that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _too_long(*_: Any) -> NoReturn:
    raise TooLongError


def table(found: dict[str, Outcomes]) -> str:
    """A table of readers in Markdown."""
    lines = ["| reader | read | refused | other | slowest, CPU s |", "|---|---|---|---|---|"]
    for name, one in found.items():
        bad = ", ".join(f"{kind} {n}" for kind, n in one.bad.items()) or "0"
        read, refused = one.counts[READ], one.counts[REFUSED]
        lines.append(f"| {name} | {read} | {refused} | {bad} | {one.slowest:.2f} |")
    return "\n".join(lines)


def examples(found: dict[str, Outcomes]) -> str:
    """What must not be, with its seed and stack."""
    return "\n".join(
        f"{name}: {kind} {text}"
        for name, one in found.items()
        for kind, text in one.examples.items()
    )


def main(readers: list[Reader], count: int, folder: Path) -> int:
    """Fuzz some readers, print a line each and the table; 1 if something must not be."""
    found: dict[str, Outcomes] = {}
    for number, reader in enumerate(readers):
        place = folder / str(number)
        place.mkdir()
        found[reader.name] = fuzz(reader, count, place)
        print(reader.name, dict(found[reader.name].counts), file=sys.stderr, flush=True)
    print(table(found))
    print(examples(found), file=sys.stderr)
    return int(any(one.bad for one in found.values()))
