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
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import add_runs, beside, read_groups

DESCRIPTION = """\
Accuracy and training loss of each modality and of the fusion by epoch, mean and standard deviation
over seeds, a column for each method. The loss is that before modulations weigh it. A dashed line
marks the end of a modulation, where its `end_epoch` lies within the training."""

EXAMPLE = "snnmm analyse training runs/taaf_ead"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which accuracy."""
    add_runs(parser)
    stages = ("val", "train")
    parser.add_argument("--stage", choices=stages, default="val", help="whose accuracy (val)")


def analyse(options: argparse.Namespace) -> Findings:
    """Refuse runs that logged no loss by modality; else draw them."""
    comparison = read_groups(options.runs)
    groups = comparison.ordered(comparison.datasets[0])
    prefix = f"{options.stage}/accuracy/"
    for needed in (prefix, LOSS):
        check_logged(groups, needed)
    tables = [training_table(groups, prefix), curves_table(groups, prefix)]
    return Findings(beside(options.runs), tables, {"training": draw_training(groups, prefix)})
