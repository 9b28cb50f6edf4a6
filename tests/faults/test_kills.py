"""Whatever strikes a run, and whenever: it goes on to the end of a run that nothing struck."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from fault_experiment import HOOKS, STEPS, Strike
from fault_runs import Outcome, Place, Tally, difference, ranks_of

HERE = Path(__file__).parent
WANDB = str(HERE.parents[1] / "experiments" / "_base" / "wandb.yaml")
TRACKERS = str(HERE.parents[1] / "experiments" / "_base" / "trackers.yaml")
WORKERS = ("--data.loader.num_workers", "2")
RANKS = (*WORKERS, "--trainer.devices", "2", "--trainer.strategy", "ddp")
FILES, SECONDS = 120, 3.0
"""About how many operations on files a run makes, and how long one takes on an idle machine."""

Whole = Callable[[Sequence[str]], Outcome]
NewTally = Callable[[str], Tally]


class Fault(NamedTuple):
    """A kind of fault.

    Attributes:
        name: in words.
        times: how often it is injected.
        flags: of the run.
        strikes: what befalls its processes, one after another: `step`, `file` or `time` each.
        signal: which; of several ranks it strikes one, or all.
        with_workers: whether the workers get it too.
    """

    name: str
    times: int
    flags: tuple[str, ...] = ()
    strikes: tuple[str, ...] = ("step",)
    signal: int = signal.SIGKILL
    with_workers: bool = False


KILLS = (
    Fault("SIGKILL amid an epoch, 2 workers", 20, WORKERS),
    Fault("SIGKILL amid an epoch, no workers", 12),
    Fault(
        "SIGKILL amid an epoch, workers that stay",
        6,
        (*WORKERS, "--data.loader.persistent_workers", "true"),
    ),
    Fault("SIGKILL amid an epoch, 2 ranks with 2 workers each", 20, RANKS),
    Fault("SIGKILL between two operations on files", 24, strikes=("file",)),
    Fault("SIGKILL at any time of a run", 8, strikes=("time",)),
    Fault("SIGKILL during the resume", 8, strikes=("step", "file")),
    Fault("SIGKILL twice in a row, 2 workers", 6, WORKERS, ("step", "step")),
    Fault("SIGKILL thrice in a row", 4, (), ("step", "step", "step")),
    Fault("SIGKILL, gradients accumulated", 6, ("--trainer.accumulate_grad_batches", "2")),
    Fault("SIGKILL, two modulations", 6, ("--config", str(HERE / "two_modulations.yaml"))),
    Fault("SIGKILL, trackers", 4, ("--config", TRACKERS)),
    Fault("SIGKILL, W&B offline", 3, ("--config", WANDB)),
    Fault("SIGTERM", 6, WORKERS, signal=signal.SIGTERM),
    Fault("SIGTERM, 2 ranks with 2 workers each", 6, RANKS, signal=signal.SIGTERM),
    Fault("SIGINT", 6, WORKERS, signal=signal.SIGINT),
    Fault("Ctrl-C, which workers get too", 12, WORKERS, signal=signal.SIGINT, with_workers=True),
)
CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
PEERS = {signal.SIGKILL: (1, "is gone without a word"), signal.SIGTERM: (143, "")}
"""How a rank ends, and what is said, when another one was struck."""


@pytest.mark.parametrize("fault", KILLS, ids=lambda fault: fault.name)
def test_a_struck_run_goes_on_to_the_same_end(
    fault: Fault, tmp_path: Path, whole: Whole, tally: NewTally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    expected, counts = whole(fault.flags), tally(fault.name)
    draw = random.Random(fault.name)  # noqa: S311 - the same in every run
    attempts = iter(range(3 * fault.times))
    while counts.injected < fault.times:
        place = Place(tmp_path / str(next(attempts)), fault.flags)
        place.path.mkdir()
        struck = strike(place, fault, draw)
        if struck != "missed":
            counts.note(struck or finish(place, expected))
    assert counts.lost == counts.hung == 0, counts.notes


def strike(place: Place, fault: Fault, draw: random.Random) -> str | None:
    """Start a run and have it struck; `missed` if it ended before, else what went wrong."""
    for number, moment in enumerate(fault.strikes):
        planned = plan(moment, number, fault, draw)
        process = place.start(place.go_on(), planned)
        codes = process.codes()
        if codes is None:
            return f"hung: {planned}"
        if not any(codes):
            return "missed" if number == 0 else None
        if not ended_as_struck(codes, process.said(), fault.signal):
            return f"exit codes {codes} after {planned}: {process.said()[-500:]}"
        is_quiet = fault.signal != signal.SIGKILL or len(codes) > 1
        if is_quiet and "Traceback" in process.said():
            return f"traceback after {planned}: {process.said()[-700:]}"
    return None


def ended_as_struck(codes: list[int], said: str, sent: int) -> bool:
    """Whether a process ended by the signal, and every other one because of that."""
    struck = CODES[sent]
    if set(codes) == {struck}:
        return True
    code, reason = PEERS[sent]
    return set(codes) == {struck, code} and reason in said


def plan(moment: str, number: int, fault: Fault, draw: random.Random) -> Strike:
    """Draw a moment; after a first strike fewer steps are left."""
    if moment == "file":
        return Strike("file", draw.randint(1, FILES), 0.0, fault.signal)
    if moment == "time":
        return Strike("time", 1, draw.uniform(0.1, SECONDS), fault.signal)
    ranks = ranks_of(fault.flags)
    count = draw.randint(2, STEPS // ranks - 1) if number == 0 else draw.randint(1, 6)
    hook, delay = draw.choice(HOOKS), draw.choice((0.0, draw.uniform(0, 0.01)))
    struck = (0,) if ranks == 1 else draw.choice(((0,), (1,), (0, 1)))
    return Strike(hook, count, delay, fault.signal, struck, fault.with_workers)


def finish(place: Place, expected: Outcome) -> str | None:
    """Have a run go on to its end; what is wrong with it."""
    process = place.start(place.go_on())
    code = process.end()
    if code is None:
        return "hung: the resumed run"
    if code != 0:
        return f"the resumed run ended with {code}: {process.said()[-500:]}"
    return difference(place.run, expected)


def test_two_processes_in_one_directory(tmp_path: Path, whole: Whole, tally: NewTally) -> None:
    counts = tally("a second process in the directory")
    for number, step in enumerate((1, 14, 36)):
        place = Place(tmp_path / str(number), ())
        place.path.mkdir()
        first = place.start(place.begin(), Strike("on_train_batch_start", step, 0.0, 0))
        problem = None
        wait_for(first.log.with_suffix(".waits"))
        for argv, reason in (
            (place.go_on(), "in use by another"),
            (place.begin(), "exists already"),
        ):
            second = place.start(argv)
            if second.end() != 2 or reason not in second.said():
                problem = second.said()
        first.log.with_suffix(".go").touch()
        if first.end() != 0:
            problem = first.said()
        counts.note(problem or difference(place.run, whole(())))
    assert counts.lost == counts.hung == 0, counts.notes


def wait_for(path: Path, seconds: float = 120) -> None:
    """Wait until a file is there."""
    for _ in ticks(seconds):
        if path.exists():
            return
    raise AssertionError(f"{path} never came")


def ticks(seconds: float) -> Iterator[None]:
    """Twenty a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
