"""`snnmm analyse landscape RUNS...`: the loss around trained networks, and how sharp it is."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.landscape.settings import LandscapeSettings
from snn_mm.commands.analyse.findings import Findings, print_rows
from snn_mm.commands.analyse.runs import (
    add_runs,
    choose_device,
    choose_jobs,
    in_order,
    name_runs,
    progress_bar,
)

if TYPE_CHECKING:
    from snn_mm.analysis.landscape.record import Landscape

DESCRIPTION = """\
Loss and accuracy of trained networks along filter-normalised random directions (Li et al. 2018),
and the sharpness of IEMF Eq. 14. Points are kept in RUN/landscape/ and a second call goes on; runs
compared in one call share directions and scale. Figures go to RUN/landscape or beside several."""

EXAMPLE = "snnmm analyse landscape runs/quickstart/RUN runs/quickstart/RUN"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is computed, and where."""
    add_runs(parser)
    default = LandscapeSettings()
    add = parser.add_argument
    add("--dimensions", type=int, choices=(1, 2), default=2, help="a line or a plane (2)")
    add("--resolution", type=int, default=default.resolution, help="points a direction, odd (21)")
    add("--range", dest="extent", type=float, default=default.extent, metavar="RANGE",
        help="length of the directions (1.0)")  # fmt: skip
    add("--split", choices=("train", "val", "test"), default=default.split, help="samples (test)")
    add("--samples", type=int, default=default.samples, help="at most so many (512)")
    add("--batch_norm", choices=("frozen", "recomputed"), default=default.batch_norm,
        help="its statistics at a moved point (recomputed)")  # fmt: skip
    add("--scope", choices=("network", "fusion"), default=default.scope, help="what moves")
    add("--vectors", choices=("ignored", "normalised"), default=default.vectors,
        help="whether biases and batch norm move too (ignored)")  # fmt: skip
    add("--seed", type=int, default=default.seed, help="of the directions (0)")
    add("--sharpness_radius", type=float, nargs="+", default=[0.05, 0.5], metavar="RHO",
        help="radii of Eq. 14 (0.05 0.5)")  # fmt: skip
    add("--sharpness_scope", choices=("network", "fusion"), default="fusion",
        help="whose weights Eq. 14 perturbs (fusion)")  # fmt: skip
    add("--sharpness_steps", type=int, default=20, help="of each ascent (20)")
    add("--sharpness_starts", type=int, default=4, help="ascents: the gradient's and random (4)")
    add("--jobs", type=int, default=0, help="processes (one a CPU core; 1 on a GPU)")
    add("--device", default="auto", help="auto, cpu, cuda (auto)")
    add("--data_root", metavar="DIR", help="where the data are now, if the config's root moved")
    add("--labels", nargs="+", metavar="NAME", help="what figures call the runs")


def analyse(options: argparse.Namespace) -> Findings:
    """Measure the landscapes, or what is missing of them, and print what sums them up."""
    chosen = {field.name: getattr(options, field.name) for field in fields(LandscapeSettings)}
    settings = LandscapeSettings(**chosen)
    runs = name_runs(in_order(options.runs), options.labels)
    from snn_mm.analysis.landscape.figures import draw_all
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import open_run

    silence()
    for path in runs.values():
        open_run(path)  # all mistakes before hours of work
    landscapes = measure(runs, settings, options)
    print_rows(summary_rows(landscapes))
    drawn = draw_all({name: landscape.surface for name, landscape in landscapes.items()})
    prefix = f"{settings.scope}-{settings.dimensions}d"
    figures = {f"{prefix}-{kind}": figure for kind, figure in drawn.items()}
    return Findings(default_folder(list(runs.values())), figures=figures)


def measure(
    runs: dict[str, Path], settings: LandscapeSettings, options: argparse.Namespace
) -> dict[str, Landscape]:
    """Landscapes by name of the run; what a run's folder holds already is not computed again."""
    from snn_mm.analysis.landscape.record import Search, measure_landscape
    from snn_mm.analysis.workers import RunPlace

    search = Search(
        tuple(options.sharpness_radius),
        options.sharpness_scope,
        options.sharpness_steps,
        options.sharpness_starts,
        settings.seed,
    )
    device = choose_device(options.device)
    jobs = choose_jobs(options.jobs, device)
    landscapes = {}
    for name, path in runs.items():
        with progress_bar(name) as progress:
            place = RunPlace(path, device, options.data_root)
            landscapes[name] = measure_landscape(place, settings, search, jobs, progress)
    return landscapes


def default_folder(runs: list[Path]) -> Path:
    """Where figures go: into the run, or beside several."""
    above = runs[0] if len(runs) == 1 else Path(os.path.commonpath(runs))
    return above / "landscape"


def summary_rows(landscapes: dict[str, Landscape]) -> list[list[str]]:
    """Loss, accuracy, sharpness and width of every run, below their heads."""
    radii = [found.radius for found in next(iter(landscapes.values())).sharpness]
    rows = [["run", "loss", "accuracy", *(f"sharpness ρ={r:g}" for r in radii), "width at loss+1"]]
    for name, landscape in landscapes.items():
        loss, accuracy = landscape.surface.centre
        sharpness = [f"{found.value:.4g}" for found in landscape.sharpness]
        width = f"{'> ' if landscape.basin.is_open else ''}{landscape.basin.width:.3f}"
        rows.append([name, f"{loss:.4f}", f"{accuracy:.4f}", *sharpness, width])
    return rows
