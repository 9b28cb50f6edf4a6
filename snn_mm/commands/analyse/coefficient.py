"""`snnmm analyse coefficient`: the IEMF coefficient beside the accuracy (IEMF Fig. 2e)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.coefficient import (
    TRAINED,
    coefficient_table,
    curves_table,
    draw_coefficient,
    select_modulated,
)
from snn_mm.analysis.variants import find_variants
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import CURVE_METRIC, add_runs, beside, read_groups

DESCRIPTION = """\
The coefficient ξ and the accuracy by epoch, mean and standard deviation over seeds. ξ is that of
the optimizer steps; the paper's figure shows it on test batches: train with the callback
CoefficientMonitor and give --coefficient val/xi."""

EXAMPLE = "snnmm analyse coefficient runs/quickstart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which curves."""
    add_runs(parser)
    add = parser.add_argument
    add("--metric", default=CURVE_METRIC, help=f"accuracy ({CURVE_METRIC})")
    add("--coefficient", default=TRAINED, metavar="NAME", help=f"what is shown ({TRAINED})")


def analyse(options: argparse.Namespace) -> Findings:
    """Refuse runs that logged no coefficient; else draw it."""
    comparison = read_groups(options.runs)
    found = find_variants(comparison.groups, comparison.library)
    shown = (
        select_modulated(found, options.coefficient),
        options.metric,
        options.coefficient,
    )
    tables = [coefficient_table(*shown), curves_table(*shown)]
    return Findings(beside(options.runs), tables, {"coefficient": draw_coefficient(*shown)})
