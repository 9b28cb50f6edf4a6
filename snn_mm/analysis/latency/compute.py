"""All trials of all runs, measured in parallel and kept in the runs' directories."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from snn_mm.analysis.latency.probe import LatencyProber, open_latency
from snn_mm.analysis.latency.record import Record, TrialTable
from snn_mm.analysis.latency.trials import LatencySettings, Trial
from snn_mm.analysis.workers import Progress, RunPlace, measure_all
from snn_mm.config.restore import open_run
from snn_mm.run.directory import RunDirectory
from snn_mm.run.links import check_links
from snn_mm.run.lock import RunLock

FOLDER = "latency"

Plan = dict[RunPlace, list[Trial]]
"""What is measured of each run; the first trials of a spiking network go up to its trained T."""


def plan(places: Sequence[RunPlace], settings: LatencySettings) -> tuple[Plan, dict[Path, int]]:
    """What is asked of each run, and with which T it was trained.

    Raises:
        UserError: a run can't be opened, or is no classifier.
    """
    probes = {place: open_latency(place, settings) for place in places}
    trained = {place.run: probe.trained for place, probe in probes.items()}
    return {place: probe.trials() for place, probe in probes.items()}, trained


def measure_trials(
    planned: Plan,
    settings: LatencySettings,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[Path, Record]:
    """Measure what is missing of a plan; killed and started again it goes on.

    Args:
        planned: what to measure.
        settings: what decides the numbers.
        jobs: processes.
        progress: told of every trial.

    Raises:
        UserError: another process measures one of the runs.
    """
    with ExitStack() as held:
        tables = {place: _open_table(place, settings, held) for place in planned}
        missing = [
            (place, trial)
            for place, trials in planned.items()
            for trial in trials
            if trial not in tables[place].record
        ]
        total = sum(map(len, planned.values()))
        done = total - len(missing)
        for (place, trial), value in measure_all(partial(LatencyProber, settings), missing, jobs):
            tables[place].add(trial, value)
            done += 1
            if progress is not None:
                progress(done, total)
        for place, trials in planned.items():
            tables[place].finish(trials)
    return {
        place.run: {trial: tables[place].record[trial] for trial in trials}
        for place, trials in planned.items()
    }


def table_path(run: RunDirectory, settings: LatencySettings) -> Path:
    """The file of a run's trials; other settings or other weights have another file."""
    digest = hashlib.sha256(run.best.read_bytes()).hexdigest()
    return run.path / FOLDER / f"{settings.name(digest)}.jsonl"


def _open_table(place: RunPlace, settings: LatencySettings, held: ExitStack) -> TrialTable:
    run = open_run(place.run)
    check_links(run.path)
    path = table_path(run, settings)
    path.parent.mkdir(exist_ok=True)
    lock = RunLock(RunDirectory(path.parent))
    lock.acquire()
    held.callback(lock.release)
    return TrialTable(path)
