"""`snnmm analyse ablation`: γ and joint learning (IEMF Fig. 2c), or modalities (SGMT Table 3)."""

from __future__ import annotations

import argparse

from matplotlib.figure import Figure

from snn_mm.analysis.ablation import ablation_table, check_ablation, draw_ablation
from snn_mm.analysis.modality_ablation import (
    draw_modalities,
    find_subsets,
    modality_table,
    varies_modalities,
)
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison
from snn_mm.analysis.report.metric import main_metric
from snn_mm.analysis.sentiment.score_metrics import shared_metrics, tested_scores
from snn_mm.analysis.variants import find_variants
from snn_mm.commands.analyse.runs import (
    add_runs,
    make_parser,
    output_folder,
    read_groups,
    require_metric,
    write_analysis,
)

DESCRIPTION = """\
Accuracy by γ, with what the family reaches without IEMF as dashed lines, and bars of vanilla
(joint_weight 0), joint learning alone and IEMF; or the scores by modalities, where runs differ in
model.modalities. Runs are told apart by their own configs: give the folder of a sweep over
trainer.callbacks.gamma, model.joint_weight, modulations or model.modalities."""


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
    if options.metric is not None:
        require_metric(comparison.groups, options.metric)
    subsets = find_subsets(comparison.groups, comparison.library)
    if varies_modalities(subsets):
        metrics = [options.metric] if options.metric else tested_scores(comparison.groups)
        require_metric(comparison.groups, metrics[0])
        table, figure = modality_table(subsets, metrics), draw_modalities(subsets, metrics)
    else:
        table, figure = _variants(comparison, options.metric, options.gamma)
    write_analysis(output_folder(options.out, options.runs), "ablation", [table], figure)
    return 0


def _variants(comparison: Comparison, asked: str | None, gamma: float) -> tuple[Table, Figure]:
    """Table and figure of vanilla, joint learning and IEMF."""
    metric = asked or main_metric(shared_metrics(comparison.groups))
    require_metric(comparison.groups, metric)
    variants = find_variants(comparison.groups, comparison.library)
    check_ablation(variants, gamma)
    return ablation_table(variants, metric), draw_ablation(variants, metric, gamma)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("ablation", DESCRIPTION, "snnmm analyse ablation runs/iemf_ks-gamma")
    add_runs(parser)
    add = parser.add_argument
    add("--metric", help="what is compared (the test's main score; all scores for modalities)")
    add("--gamma", type=float, default=1.0, help="γ of the bars beside vanilla (1)")
    return parser
