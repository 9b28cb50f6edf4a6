"""All conditions of all runs, measured in parallel and kept in the runs' directories."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from snn_mm.analysis.kept import kept_file, measure_planned
from snn_mm.analysis.robustness.conditions import (
    Condition,
    RobustnessSettings,
    absences,
    corruptions,
)
from snn_mm.analysis.robustness.inputs import fitting
from snn_mm.analysis.robustness.probe import Prober, open_probe
from snn_mm.analysis.robustness.record import ConditionTable, Record
from snn_mm.analysis.workers import Progress, RunPlace
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory

FOLDER = "robustness"

Plan = dict[RunPlace, list[Condition]]
"""What is measured of each run."""


def plan(
    places: Sequence[RunPlace], settings: RobustnessSettings, wanted: Sequence[str] | None
) -> Plan:
    """Every choice of present modalities, and the corruptions that fit, of each run.

    Args:
        places: the runs.
        settings: what decides the numbers.
        wanted: names of corruptions; all that fit if None, absence alone if empty.

    Raises:
        UserError: a run can't be opened, or a wanted corruption fits nothing.
    """
    found: Plan = {}
    known: set[str] = set()
    for place in places:
        probe = open_probe(place, settings)
        fits = {} if wanted == [] else fitting(probe.data, probe.modalities)
        known |= {kind for kinds in fits.values() for kind in kinds}
        chosen = {
            modality: [kind for kind in kinds if wanted is None or kind in wanted]
            for modality, kinds in fits.items()
        }
        asked = corruptions(probe.modalities, chosen)
        found[place] = [*absences(probe.modalities), *asked]
    if unknown := sorted(set(wanted or ()) - known):
        raise UserError(
            f"--corruptions {unknown[0]}: fits no modality of these runs\n"
            f"accepted: {', '.join(sorted(known)) or 'none'}"
        )
    return found


def measure_conditions(
    planned: Plan,
    settings: RobustnessSettings,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[Path, Record]:
    """Measure what is missing of a plan; see `table_path` for where it is kept.

    Killed and started again it goes on, to the same numbers.

    Args:
        planned: what to measure.
        settings: what decides the numbers.
        jobs: processes.
        progress: told of every condition.

    Raises:
        UserError: another process measures one of the runs.
    """

    def open_table(run: RunDirectory) -> ConditionTable:
        return ConditionTable(table_path(run, settings))

    make = partial(Prober, settings)
    return measure_planned(planned, open_table, make, FOLDER, jobs, progress)


def table_path(run: RunDirectory, settings: RobustnessSettings) -> Path:
    """The file of a run's conditions; see `kept_file`."""
    return kept_file(run, FOLDER, settings)
