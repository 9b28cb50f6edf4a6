"""`snnmm analyse ablation`: γ and joint learning (IEMF Fig. 2c), or modalities (SGMT Table 3)."""

from __future__ import annotations

import argparse

from snn_mm.analysis.ablation import ablation_table, check_ablation, draw_ablation
from snn_mm.analysis.modality_ablation import (
    draw_modalities,
    find_subsets,
    modality_table,
    varies_modalities,
)
from snn_mm.analysis.report.metric import main_metric
from snn_mm.analysis.sentiment.score_metrics import shared_metrics, tested_scores
from snn_mm.analysis.variants import find_variants
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import add_runs, beside, read_groups, require_metric

DESCRIPTION = """\
Accuracy by γ, with what the family reaches without IEMF as dashed lines, and bars of vanilla
(joint_weight 0), joint learning alone and IEMF; or the scores by modalities, where runs differ in
model.modalities. Runs are told apart by their own configs: give the folder of a sweep over
trainer.callbacks.gamma, model.joint_weight, modulations or model.modalities."""

EXAMPLE = "snnmm analyse ablation runs/iemf_ks-gamma"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is compared."""
    add_runs(parser)
    add = parser.add_argument
    add("--metric", help="what is compared (the test's main score; all scores for modalities)")
    add("--gamma", type=float, default=1.0, help="γ of the bars beside vanilla (1)")


def analyse(options: argparse.Namespace) -> Findings:
    """Compare modalities where runs differ in them, else vanilla, joint learning and IEMF."""
    comparison = read_groups(options.runs)
    groups, library, folder = comparison.groups, comparison.library, beside(options.runs)
    if options.metric is not None:
        require_metric(groups, options.metric)
    subsets = find_subsets(groups, library)
    if varies_modalities(subsets):
        metrics = [options.metric] if options.metric else tested_scores(groups)
        require_metric(groups, metrics[0])
        table, figure = modality_table(subsets, metrics), draw_modalities(subsets, metrics)
        return Findings(folder, [table], {"ablation": figure})
    metric = options.metric or main_metric(shared_metrics(groups))
    require_metric(groups, metric)
    variants = find_variants(groups, library)
    check_ablation(variants, options.gamma)
    figure = draw_ablation(variants, metric, options.gamma)
    return Findings(folder, [ablation_table(variants, metric)], {"ablation": figure})
