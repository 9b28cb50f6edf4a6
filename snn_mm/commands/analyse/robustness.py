"""`snnmm analyse robustness`: absent and corrupted modalities, and who contributes what."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import Metric, main_metric
from snn_mm.analysis.report.sections.results import find_baseline
from snn_mm.analysis.robustness.conditions import RobustnessSettings
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import (
    PARTS,
    add_by,
    add_compute,
    add_runs,
    beside,
    progress_bar,
    read_groups,
    run_places,
)
from snn_mm.errors import UserError
from snn_mm.run.directory import write_json

if TYPE_CHECKING:
    from snn_mm.analysis.robustness.record import Record
    from snn_mm.analysis.robustness.study import Study

DESCRIPTION = """\
Best checkpoints under every choice of present modalities, and under each corruption that fits a
modality at five severities: accuracy by modality and fused, calibration error, firing rates,
energy, relative and effective robustness (MultiBench), Shapley value and conditional utilisation
of each modality, and the gap to unimodal twins, which are found among RUNS. Conditions are kept in
RUN/robustness/ and a second call goes on. Methods are compared over seeds with an exact test."""

EXAMPLE = "snnmm analyse robustness runs/iemf_digits-sweep --against vanilla"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is measured, and what is compared."""
    add_runs(parser)
    default = RobustnessSettings()
    add_by(parser)
    add = parser.add_argument
    add("--against", metavar="METHOD", help="what others are compared with (the first)")
    add("--metric", help="what is compared, such as test/accuracy/fused")
    add("--corruptions", nargs="*", metavar="NAME", help="these alone; without a name none (all)")
    add("--split", choices=PARTS, default=default.split, help="whose samples (test)")
    add("--samples", type=int, metavar="N", help="at most so many of the first (all)")
    add("--energy", type=int, default=default.energy_samples, metavar="N",
        help=f"samples whose energy is counted; 0: none ({default.energy_samples})")  # fmt: skip
    add("--seed", type=int, default=default.seed, help="of corruptions (0)")
    add_compute(parser)


def analyse(options: argparse.Namespace) -> Findings:
    """Measure what is missing, keep what modalities contribute in the runs, and compare."""
    settings = RobustnessSettings(options.split, options.samples, options.energy, options.seed)
    comparison = read_groups(options.runs, options.by)
    baseline = find_baseline(comparison, options.against, "--against")
    records = measure(comparison, settings, options)
    from snn_mm.analysis.robustness import tables
    from snn_mm.analysis.robustness.figures import draw_all
    from snn_mm.analysis.robustness.study import Study

    metric = choose_metric(options.metric, records)
    study = Study(comparison, records, metric, baseline)
    keep_contributions(study, settings)
    found = [
        tables.absence_table(study),
        tables.curve_table(study),
        tables.contribution_table(study),
        tables.paired_table(study),
        tables.condition_table(study),
        tables.sample_table(study),
    ]
    shown = [table for table in found if table is not None]
    pages = {"robustness.json": json.dumps(as_json(study, settings), indent=2) + "\n"}
    return Findings(beside(options.runs), shown, draw_all(study), pages)


def measure(
    comparison: Comparison, settings: RobustnessSettings, options: argparse.Namespace
) -> dict[Path, Record]:
    """What was measured, by directory of the run."""
    from snn_mm.analysis.robustness.compute import measure_conditions, plan

    places, jobs = run_places(comparison, options)
    planned = plan(places, settings, options.corruptions)
    with progress_bar("conditions") as progress:
        return measure_conditions(planned, settings, jobs, progress)


def choose_metric(asked: str | None, records: Mapping[Path, Record]) -> Metric:
    """What is compared.

    Raises:
        UserError: a run has no such number.
    """
    names = [set(next(iter(record.values())).metrics) for record in records.values()]
    shared = set.intersection(*names)
    stage = next(iter(names[0])).split("/")[0]
    tested = main_metric({f"test/{name.split('/', 1)[1]}" for name in shared})
    chosen = asked or f"{stage}/{tested.split('/', 1)[1]}"
    if chosen not in shared:
        known = ", ".join(sorted(shared))
        raise UserError(f"--metric {chosen}: not measured of all runs\naccepted: {known}")
    return Metric(chosen)


def keep_contributions(study: Study, settings: RobustnessSettings) -> None:
    """Leave what modalities contribute in each run, where a report finds it."""
    from snn_mm.analysis.robustness.compute import FOLDER
    from snn_mm.analysis.robustness.contribution import by_name

    for path, found in study.contributions.items():
        write_json(path / FOLDER / "contribution.json", by_name(found, settings.split))


def as_json(study: Study, settings: RobustnessSettings) -> dict[str, Any]:
    """Settings, and every number of every run."""
    from snn_mm.analysis.robustness.contribution import by_name

    chosen = {field.name: getattr(settings, field.name) for field in fields(settings)}
    runs = [
        {
            "run": str(run.path),
            "method": group.method,
            "seed": run.seed,
            "contribution": by_name(study.contributions[run.path], settings.split),
            "conditions": [
                {"condition": condition.name, **asdict(condition), "metrics": measured.metrics}
                for condition, measured in study.records[run.path].items()
            ],
        }
        for group in study.groups
        for run in group.counted
    ]
    return {
        "settings": chosen,
        "metric": study.metric.name,
        "baseline": study.baseline,
        "runs": runs,
    }
