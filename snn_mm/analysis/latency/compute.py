"""All trials of all runs, measured in parallel and kept in the runs' directories."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from snn_mm.analysis.kept import kept_file, measure_planned
from snn_mm.analysis.latency.probe import LatencyProber, open_latency
from snn_mm.analysis.latency.record import Record, TrialTable
from snn_mm.analysis.latency.trials import LatencySettings, Trial
from snn_mm.analysis.workers import Progress, RunPlace
from snn_mm.run.directory import RunDirectory

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

    def open_table(run: RunDirectory) -> TrialTable:
        return TrialTable(table_path(run, settings))

    make = partial(LatencyProber, settings)
    return measure_planned(planned, open_table, make, FOLDER, jobs, progress)


def table_path(run: RunDirectory, settings: LatencySettings) -> Path:
    """The file of a run's trials; see `kept_file`."""
    return kept_file(run, FOLDER, settings)
