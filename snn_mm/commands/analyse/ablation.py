"""`snnmm analyse ablation`: γ, and vanilla against joint learning and IEMF (IEMF Fig. 2c)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.ablation import ablation_table, check_ablation, draw_ablation
from snn_mm.analysis.variants import find_variants
from snn_mm.commands.analyse.runs import (
    FINAL_METRIC,
    add_runs,
    make_parser,
    output_folder,
    read_groups,
    require_metric,
    write_analysis,
)

DESCRIPTION = """\
Accuracy by γ, with what the family reaches without IEMF as dashed lines, and bars of vanilla
(joint_weight 0), joint learning alone and IEMF. Runs are told apart by their own configs: give the
folder of a sweep over trainer.callbacks.gamma, model.joint_weight or modulations."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `ablation` first.

    Returns:
        The exit code.

    Raises:
        UserError: no runs, runs of several data sets, or runs that vary nothing of this.
    """
    options = _parser().parse_args(argv[1:])
    comparison = read_groups(options.runs)
    require_metric(comparison.groups, options.metric)
    variants = find_variants(comparison.groups, comparison.library)
    check_ablation(variants, options.gamma)
    figure = draw_ablation(variants, options.metric, options.gamma)
    folder = output_folder(options.out, options.runs)
    write_analysis(folder, "ablation", [ablation_table(variants, options.metric)], figure)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("ablation", DESCRIPTION, "snnmm analyse ablation runs/iemf_ks-gamma")
    add_runs(parser)
    add = parser.add_argument
    add("--metric", default=FINAL_METRIC, help=f"what is compared ({FINAL_METRIC})")
    add("--gamma", type=float, default=1.0, help="γ of the bars beside vanilla (1)")
    return parser
