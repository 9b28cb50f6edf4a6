"""`snnmm analyse latency`: less time, fewer bits, and SNNs converted from ANNs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from snn_mm.analysis.latency.trials import LatencySettings
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

if TYPE_CHECKING:
    from snn_mm.analysis.latency.study import LatencyStudy
    from snn_mm.analysis.report.groups import Comparison

DESCRIPTION = """\
Best checkpoints of classifiers asked with T = 1, 2, ... up to twice the T of training (events: up
to their bins): accuracy by modality and fused, calibration, energy and time; early exit by
confidence; weights and activations of eight bits; and ANNs of ConvNet or MLP with ReLU, behind them
a linear fusion, converted to SNNs by rate coding. Operations go by NeuroBench's names. Trials are
kept in RUN/latency/ and a second call goes on."""

EXAMPLE = "snnmm analyse latency runs/iemf_digits-sweep --by model.encoders.audio.neuron"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is measured."""
    add_runs(parser)
    default = LatencySettings()
    add_by(parser)
    add = parser.add_argument
    add("--converted", nargs="*", type=int, default=default.converted_steps, metavar="T",
        help="time steps of converted ANNs; without a number none (1 2 4 ... 64)")  # fmt: skip
    add("--calibration", type=int, default=default.calibration, metavar="N",
        help=f"training samples that set ranges and scales ({default.calibration})")  # fmt: skip
    add("--split", choices=PARTS, default=default.split, help="whose samples (test)")
    add("--samples", type=int, metavar="N", help="at most so many of the first (all)")
    add("--energy", type=int, default=default.energy_samples, metavar="N",
        help=f"samples whose operations are counted ({default.energy_samples})")  # fmt: skip
    add("--seed", type=int, default=default.seed, help="of the order of training samples (0)")
    add_compute(parser)


def analyse(options: argparse.Namespace) -> Findings:
    """Measure what is missing, and put runs together."""
    settings = LatencySettings(
        options.split,
        options.samples,
        options.energy,
        options.calibration,
        tuple(sorted(set(options.converted))),
        options.seed,
    )
    study = measure(read_groups(options.runs, options.by), settings, options)
    from snn_mm.analysis.latency import tables
    from snn_mm.analysis.latency.figures import draw_all

    found = [
        tables.latency_table(study),
        tables.exit_table(study),
        tables.neurobench_table(study),
        tables.number_table(study),
    ]
    content = {"settings": asdict(settings), "runs": list(as_json(study))}
    pages = {"latency.json": json.dumps(content, indent=2) + "\n"}
    shown = [table for table in found if table is not None]
    return Findings(beside(options.runs), shown, draw_all(study), pages)


def measure(
    comparison: Comparison, settings: LatencySettings, options: argparse.Namespace
) -> LatencyStudy:
    """What was measured of the runs."""
    from snn_mm.analysis.latency.compute import measure_trials, plan
    from snn_mm.analysis.latency.study import LatencyStudy

    places, jobs = run_places(comparison, options)
    planned, trained = plan(places, settings)
    with progress_bar("trials") as progress:
        records = measure_trials(planned, settings, jobs, progress)
    return LatencyStudy(comparison, records, trained)


def as_json(study: LatencyStudy) -> Iterator[dict[str, Any]]:
    """Every number of every run, early exit and reliability among them."""
    from snn_mm.analysis.latency.early_exit import reliability
    from snn_mm.analysis.latency.neurobench import nested
    from snn_mm.analysis.latency.study import exit_curve

    for group in study.groups:
        for run in group.counted:
            record, steps = study.records[run.path], study.trained[run.path]
            trials = [
                {
                    **asdict(trial),
                    "metrics": result.metrics,
                    "neurobench": nested(result.metrics),
                    "reliability": [
                        asdict(each)
                        for each in reliability(
                            list(result.confidence.values()), list(result.right.values())
                        )
                    ],
                }
                for trial, result in record.items()
            ]
            exits = [asdict(point) for point in exit_curve(record, steps)] if steps > 1 else []
            head = {"run": str(run.path), "method": group.method, "seed": run.seed}
            yield {**head, "trained_steps": steps, "trials": trials, "early_exit": exits}
