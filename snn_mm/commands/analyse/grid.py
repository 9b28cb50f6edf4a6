"""`snnmm analyse grid`: two swept options, chosen on validation data (SGMT Table 4)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.sentiment.grid_figure import draw_grid
from snn_mm.analysis.sentiment.score_grid import (
    LEGEND,
    blocks_table,
    cells_table,
    choice_table,
    make_grid,
)
from snn_mm.analysis.sentiment.score_metrics import firing_rates, tested_scores
from snn_mm.commands.analyse.runs import (
    add_runs,
    make_parser,
    output_folder,
    read_groups,
    require_metric,
    write_analysis,
)
from snn_mm.errors import UserError

ROWS, COLUMNS = "model.strength", "model.scale_1"
SELECT = "val/mae/fused"

DESCRIPTION = """\
A table of two swept options for each metric, mean and standard deviation over seeds. The cell to
use is chosen by a validation metric of the tested checkpoint, never by the test. SGMT's own Table 4
chose on test: the best on test is marked apart, to compare with it and for nothing else."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `grid` first.

    Returns:
        The exit code.

    Raises:
        UserError: no runs, runs of several data sets or methods, or a metric that one lacks.
    """
    options = _parser().parse_args(argv[1:])
    if not options.select.startswith("val/"):
        raise UserError(f"--select {options.select}: accepted is a validation metric, val/...")
    comparison = read_groups(options.runs, by=(options.rows, options.columns))
    metrics = shown_metrics(comparison.groups, options.select, options.metric)
    for metric in metrics:
        require_metric(comparison.groups, metric)
    grid = make_grid(comparison, options.rows, options.columns)
    tables = [
        blocks_table(grid, options.select, metrics),
        choice_table(grid, options.select, metrics),
        cells_table(grid, metrics),
    ]
    figure = draw_grid(grid, options.select, metrics)
    write_analysis(output_folder(options.out, options.runs), "grid", tables, figure)
    print(LEGEND.format(select=options.select))
    return 0


def shown_metrics(groups: list[Group], select_by: str, asked: list[str] | None) -> list[str]:
    """What chooses, then what was asked for, else the test's scores and firing rates."""
    found = asked or [*tested_scores(groups), *firing_rates(groups)]
    return list(dict.fromkeys([select_by, *found]))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("grid", DESCRIPTION, "snnmm analyse grid runs/sgmt_table4_sims")
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
    return parser
