"""`snnmm analyse training`: accuracy and loss of each modality over epochs (TAAF Fig. 2)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.training_figures import (
    LOSS,
    check_logged,
    curves_table,
    draw_training,
    training_table,
)
from snn_mm.commands.analyse.runs import (
    add_runs,
    make_parser,
    output_folder,
    read_groups,
    write_analysis,
)

DESCRIPTION = """\
Accuracy and training loss of each modality and of the fusion by epoch, mean and standard deviation
over seeds, a column for each method. The loss is that before modulations weigh it. A dashed line
marks the end of a modulation, where its `end_epoch` lies within the training."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `training` first.

    Returns:
        The exit code.

    Raises:
        UserError: no runs, runs of several data sets, or runs that logged no loss by modality.
    """
    options = _parser().parse_args(argv[1:])
    comparison = read_groups(options.runs)
    groups = comparison.ordered(comparison.datasets[0])
    prefix = f"{options.stage}/accuracy/"
    for needed in (prefix, LOSS):
        check_logged(groups, needed)
    tables = [training_table(groups, prefix), curves_table(groups, prefix)]
    folder = output_folder(options.out, options.runs)
    write_analysis(folder, "training", tables, draw_training(groups, prefix))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("training", DESCRIPTION, "snnmm analyse training runs/taaf_ead")
    add_runs(parser)
    parser.add_argument(
        "--stage", choices=("val", "train"), default="val", help="whose accuracy (val)"
    )
    return parser
