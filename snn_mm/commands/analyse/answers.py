"""`snnmm analyse answers`: a page of sample answers (IEMF Fig. 4) and accuracies by kind."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import (
    add_data_root,
    add_device,
    add_runs,
    beside,
    choose_device,
    in_order,
    name_runs,
)
from snn_mm.errors import UserError
from snn_mm.run.directory import FINISHED, RunDirectory

SAMPLES = 6

DESCRIPTION = """\
Asks the best checkpoint of every run all test questions: accuracies by kind, by group and over all,
and answers.html, which shows questions with the truth and each run's answer, those on which runs
disagree first. Runs stand in the order in which they are given."""

EXAMPLE = "snnmm analyse answers runs/iemf_avqa/joint runs/iemf_avqa/iemf"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which runs, and what is shown of them."""
    add_runs(parser)
    add = parser.add_argument
    add("--samples", type=int, default=SAMPLES, metavar="N",
        help=f"questions shown of each kind ({SAMPLES})")  # fmt: skip
    add("--labels", nargs="+", metavar="NAME", help="what the page calls the runs")
    add_device(parser, "models run")
    add_data_root(parser)


def analyse(options: argparse.Namespace) -> Findings:
    """Ask every run the same questions."""
    if options.samples < 1:
        raise UserError(f"--samples {options.samples}: accepted are numbers from 1 on")
    runs = named_runs(finished_runs(options.runs), options.labels)
    from snn_mm.analysis.answers.page import accuracy_table, answer_page
    from snn_mm.analysis.answers.replies import ask, side_by_side
    from snn_mm.analysis.report.html import to_html
    from snn_mm.config.restore import restore

    device = choose_device(options.device)
    replies = {
        name: ask(restore(path, device, options.data_root, stages=("test",)), device)
        for name, path in runs.items()
    }
    answered = list(side_by_side(replies))
    page = to_html(answer_page(answered, list(runs), options.samples))
    tables = [accuracy_table(answered, list(runs))]
    return Findings(beside(options.runs), tables, pages={"answers.html": page})


def named_runs(paths: list[Path], labels: list[str] | None) -> dict[str, Path]:
    """Runs by what the page calls them; see `name_runs`.

    Raises:
        UserError: two have one name.
    """
    runs = name_runs(paths, labels)
    if len(runs) < len(paths):
        raise UserError(
            f"answers: {len(paths)} runs have {len(runs)} names, {', '.join(list(runs)[:3])}\n"
            "accepted: --labels NAME... with one for each"
        )
    return runs


def finished_runs(paths: Sequence[Path]) -> list[Path]:
    """The finished runs at or below each path, in the order of the paths.

    Raises:
        UserError: there is none.
    """
    found = in_order(paths)
    finished = [path for path in found if RunDirectory(path).status() == FINISHED]
    if not finished:
        raise UserError(
            f"answers: none of the {len(found)} runs in {paths[0]} is finished\n"
            "accepted: runs that were trained and tested; go on with snnmm fit --resume RUN"
        )
    return finished
