"""Processes that are struck, the run they work on, and the count of what came of it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch
from fault_experiment import Strike, run
from toy_ranks import free_port

from snn_mm.run.directory import RunDirectory, read_json
from snn_mm.run.identity import DIRECTORY_VARIABLE
from snn_mm.run.ranks import ATTEMPT_VARIABLE

CONFIG = Path(__file__).parent / "faults.yaml"
SECONDS = 180
"""After which a process counts as hung; alone on two cores it takes two."""
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


@dataclass
class Tally:
    """What came of one fault.

    Attributes:
        fault: in words.
        injected: how often it struck.
        survived: how often the run came to the end of an undisturbed one.
        lost: how often to another end, or to none.
        hung: how often a process had to be killed.
        notes: of what was lost.
    """

    fault: str
    injected: int = 0
    survived: int = 0
    lost: int = 0
    hung: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, problem: str | None) -> None:
        """One more that was injected, and what went wrong with it."""
        self.injected += 1
        hung = problem is not None and problem.startswith("hung")
        self.survived += problem is None
        self.hung += hung
        self.lost += problem is not None and not hung
        self.notes += [problem] if problem else []


def ranks_of(flags: Sequence[str]) -> int:
    """How many processes train together."""
    return int(dict(pairwise(flags)).get("--trainer.devices", "1"))


class Place:
    """Where one run lies, and the processes that work on it.

    Args:
        path: an empty directory.
        flags: of the run.
    """

    def __init__(self, path: Path, flags: Sequence[str]) -> None:
        self.path, self.flags = path, list(flags)
        self.run = RunDirectory(path / "runs" / "faults" / "a")
        self.logs = 0

    def begin(self) -> list[str]:
        """The command that starts the run."""
        where = ["--run.root", str(self.path / "runs"), "--run.name", "faults", "--run.id", "a"]
        return ["fit", "--config", str(CONFIG), *self.flags, *where]

    def go_on(self) -> list[str]:
        """The command that goes on with it, or starts it if it had not come that far."""
        is_there = self.run.config.is_file()
        return ["fit", "--resume", str(self.run.path)] if is_there else self.begin()

    def start(self, argv: list[str], strike: Strike | None = None) -> Started:
        """Start the process of each rank."""
        self.logs += 1
        ranks = ranks_of(self.flags)
        if ranks == 1:
            return Started(argv, strike, [self.path / f"{self.logs}.log"], {})
        shared = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(ranks),
            ATTEMPT_VARIABLE: str(time.monotonic_ns()),
            DIRECTORY_VARIABLE: str(self.run.path),  # which the first rank chooses
        }
        logs = [self.path / f"{self.logs}-{rank}.log" for rank in range(ranks)]
        return Started(argv, strike, logs, shared)


class Started:
    """The processes that run a command together.

    Args:
        argv: the command.
        strike: what befalls them.
        logs: where each rank prints to.
        shared: their environment.
    """

    def __init__(
        self, argv: list[str], strike: Strike | None, logs: list[Path], shared: Mapping[str, str]
    ) -> None:
        self.logs, self.log = logs, logs[0]
        self.processes: list[ForkServerProcess] = []
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["fault_experiment", "snn_mm.commands.stages"])
        for rank, log in enumerate(logs):
            own = {**shared, "LOCAL_RANK": str(rank)} if shared else {}
            struck = strike if strike and rank in strike.ranks else None
            process = context.Process(target=run, args=(argv, struck, log, own))
            process.start()
            self.processes.append(process)

    def codes(self) -> list[int] | None:
        """The exit code of each rank; None if one hung, and all were killed."""
        until = time.monotonic() + SECONDS
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            process.kill()
            process.join()
        return None if None in codes else [code for code in codes if code is not None]

    def end(self) -> int | None:
        """The first exit code that is not zero, if any; None if one hung."""
        codes = self.codes()
        return None if codes is None else next(filter(None, codes), 0)

    def said(self) -> str:
        """What they printed, one after the other."""
        return "".join(log.read_text(errors="replace") for log in self.logs)


Outcome = dict[str, Any]


def outcome(run: RunDirectory) -> Outcome:
    """What must be equal: results but for the time, every logged number, weights, the position."""
    results = read_json(run.results)
    results.pop("train_seconds", None)
    found: Outcome = {"results": results, "metrics": run.metrics.read_bytes()}
    for path in (run.last, run.best):
        saved = torch.load(path, weights_only=True)
        found[path.name] = (saved["epoch"], saved["global_step"], saved["state_dict"])
    return found


def difference(run: RunDirectory, whole: Outcome) -> str | None:
    """In which part a run differs from an undisturbed one; None if in none."""
    try:
        found = outcome(run)
    except (OSError, RuntimeError, KeyError) as error:
        return f"no outcome: {error}"
    for part, value in whole.items():
        mine = found[part]
        if part.endswith(".ckpt"):
            weights, others = mine[2], value[2]
            same = mine[:2] == value[:2] and weights.keys() == others.keys()
            same = same and all(torch.equal(weights[name], others[name]) for name in others)
        else:
            same = mine == value
        if not same:
            return f"{part} differs"
    return None


COLUMNS = ("injected", "survived", "lost", "hung")
Row = tuple[int, ...]
"""Numbers of one fault, in the order of the columns."""


def table(rows: Mapping[str, Row]) -> str:
    """The table in Markdown, by fault, and the sums."""
    total = tuple(map(sum, zip(*rows.values())))
    lines = [
        f"| {fault} | " + " | ".join(map(str, row)) + " |"
        for fault, row in {**rows, "all": total}.items()
    ]
    head = ["| fault | " + " | ".join(COLUMNS) + " |", "|---|---:|---:|---:|---:|"]
    return "\n".join([*head, *lines]) + "\n"


def rows_of(text: str) -> dict[str, Row]:
    """The rows of a table, without the sums."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    return {fault: tuple(map(int, row)) for fault, *row in cells if fault != "all"}


def write_rows(page: Path, rows: Mapping[str, Row]) -> None:
    """Put rows into the table between the two marks of a page; those of other faults stay."""
    before, _, rest = page.read_text().partition(BEGIN)
    written, _, after = rest.partition(END)
    page.write_text(before + BEGIN + table({**rows_of(written), **rows}) + END + after)
