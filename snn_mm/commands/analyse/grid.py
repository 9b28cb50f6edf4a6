"""`snnmm analyse grid`: two swept options, chosen on validation data (SGMT Table 4)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.sentiment.grid_figure import draw_grid
from snn_mm.analysis.sentiment.score_grid import (
    LEGEND,
    blocks_table,
    cells_table,
    choice_table,
    make_grid,
)
from snn_mm.analysis.sentiment.score_metrics import firing_rates, tested_scores
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import add_runs, beside, read_groups, require_metric
from snn_mm.errors import UserError

ROWS, COLUMNS = "model.strength", "model.scale_1"
SELECT = "val/mae/fused"

DESCRIPTION = """\
A table of two swept options for each metric, mean and standard deviation over seeds. The cell to
use is chosen by a validation metric of the tested checkpoint, never by the test. SGMT's own Table 4
chose on test: the best on test is marked apart, to compare with it and for nothing else."""

EXAMPLE = "snnmm analyse grid runs/sgmt_table4_sims"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which options were swept, and what is shown."""
    add_runs(parser)
    add = parser.add_argument
    add("--rows", default=ROWS, metavar="KEY", help=f"config key of the rows ({ROWS})")
    add("--columns", default=COLUMNS, metavar="KEY", help=f"and of the columns ({COLUMNS})")
    add(
        "--metric",
        nargs="+",
        metavar="NAME",
        help="final metrics (the test's scores of the fusion, and its firing rates)",
    )
    add("--select", default=SELECT, metavar="NAME", help=f"validation metric ({SELECT})")


def analyse(options: argparse.Namespace) -> Findings:
    """Choose on validation data, and show what chooses and what was asked for."""
    select = options.select
    if not select.startswith("val/"):
        raise UserError(f"--select {select}: accepted is a validation metric, val/...")
    comparison = read_groups(options.runs, by=(options.rows, options.columns))
    groups = comparison.groups
    shown = options.metric or [*tested_scores(groups), *firing_rates(groups)]
    metrics = list(dict.fromkeys([select, *shown]))
    for metric in metrics:
        require_metric(groups, metric)
    grid = make_grid(comparison, options.rows, options.columns)
    tables = [
        blocks_table(grid, select, metrics),
        choice_table(grid, select, metrics),
        cells_table(grid, metrics),
    ]
    figures = {"grid": draw_grid(grid, select, metrics)}
    return Findings(beside(options.runs), tables, figures, last=LEGEND.format(select=select))
