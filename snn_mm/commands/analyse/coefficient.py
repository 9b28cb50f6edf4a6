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
from snn_mm.commands.analyse.runs import (
    CURVE_METRIC,
    add_runs,
    make_parser,
    output_folder,
    read_groups,
    write_analysis,
)

DESCRIPTION = """\
The coefficient ξ and the accuracy by epoch, mean and standard deviation over seeds. ξ is that of
the optimizer steps; the paper's figure shows it on test batches: train with the callback
CoefficientMonitor and give --coefficient val/xi."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `coefficient` first.

    Returns:
        The exit code.

    Raises:
        UserError: no runs, runs of several data sets, or none that logged a coefficient.
    """
    options = _parser().parse_args(argv[1:])
    comparison = read_groups(options.runs)
    name, metric = options.coefficient, options.metric
    variants = select_modulated(find_variants(comparison.groups, comparison.library), name)
    tables = [coefficient_table(variants, metric, name), curves_table(variants, metric, name)]
    folder = output_folder(options.out, options.runs)
    write_analysis(folder, "coefficient", tables, draw_coefficient(variants, metric, name))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("coefficient", DESCRIPTION, "snnmm analyse coefficient runs/quickstart")
    add_runs(parser)
    parser.add_argument("--metric", default=CURVE_METRIC, help=f"accuracy ({CURVE_METRIC})")
    parser.add_argument(
        "--coefficient", default=TRAINED, metavar="NAME", help=f"what is shown ({TRAINED})"
    )
    return parser
