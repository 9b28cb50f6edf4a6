"""`snnmm analyse cases`: a page with what every head says of single clips (SGMT Figs 4 and 5)."""

from __future__ import annotations

import argparse

from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import add_run, open_one
from snn_mm.errors import UserError

COUNT = 12

DESCRIPTION = """\
One page, cases.html in the run's figures: for single test clips the score of every head beside its
own label. Clips are chosen by rule: modalities whose labels disagree most, the largest errors, and
errors near the median; or by --clips."""

EXAMPLE = "snnmm analyse cases runs/sgmt_sims/RUN"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which clips."""
    add_run(parser)
    add = parser.add_argument
    add("--clips", nargs="+", metavar="ID", help="these clips instead of chosen ones")
    add("--count", type=int, default=COUNT, help=f"how many to choose ({COUNT})")


def analyse(options: argparse.Namespace) -> Findings:
    """Score all clips of a run of a sentiment module, and choose some."""
    if options.count < 1:
        raise UserError(f"--count {options.count}: accepted are numbers from 1 on")
    restored = open_one(options)
    from snn_mm.analysis.sentiment.case_page import case_page
    from snn_mm.analysis.sentiment.case_study import choose_cases, named_cases, score_clips
    from snn_mm.analysis.sentiment.clip_loading import batches, sentiment_module

    module = sentiment_module(restored)
    cases = score_clips(module, batches(restored.data, options.split))
    if options.clips:
        chosen = [named_cases(cases, options.clips, options.split)]
    else:
        chosen = choose_cases(cases, options.count)
    name = f"{restored.run.experiment}/{restored.run.run_id}"
    say = getattr(restored.data, "raw_text", lambda clip: None)
    page = case_page(name, options.split, cases, chosen, say, module.protocol)
    return Findings(restored.run.figures, pages={"cases.html": page})
