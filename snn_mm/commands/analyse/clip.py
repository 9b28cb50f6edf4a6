"""`snnmm analyse clip`: what attention and firing of an SGMT look like over one clip."""

from __future__ import annotations

import argparse
import math
import re

from snn_mm.commands.analyse.findings import Findings, print_rows
from snn_mm.commands.analyse.runs import add_run, open_one

DESCRIPTION = """\
A figure, clip-ID.png in the run's figures: for each single-modal network and the fusion network the
attention between steps, every spike, and the share of neurons that fire at each step. Steps are
those of the network: longer sequences were averaged to them. An ANN twin has attention alone."""

EXAMPLE = "snnmm analyse clip runs/sgmt_sims/RUN --clip ID"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which clip, and whose attention."""
    add_run(parser)
    add = parser.add_argument
    add("--clip", required=True, metavar="ID", help="which clip")
    add("--layer", type=int, metavar="N", help="whose attention, from 1 (the last)")
    add("--head", type=int, metavar="N", help="whose attention, from 1 (the mean of all)")


def analyse(options: argparse.Namespace) -> Findings:
    """Record a clip, and print what each head says of it beside its label."""
    restored = open_one(options)
    from snn_mm.analysis.sentiment.case_study import score_clips
    from snn_mm.analysis.sentiment.clip_figures import draw_clip
    from snn_mm.analysis.sentiment.clip_loading import sentiment_module, sgmt_network, take_clip
    from snn_mm.analysis.sentiment.clip_record import record_clip

    network = sgmt_network(restored)
    clip = take_clip(restored.data, options.clip, options.split)
    (case,) = score_clips(sentiment_module(restored), [clip])
    figure = draw_clip(options.clip, record_clip(network, clip), options.layer, options.head)
    scores = [[h, signed(score), signed(case.label[h])] for h, score in case.score.items()]
    print_rows([["Head", "Score", "Label"], *scores])
    print()
    return Findings(restored.run.figures, figures={f"clip-{file_name(options.clip)}": figure})


def signed(score: float) -> str:
    """A score with its sign; a dash of a modality that the clip lacks.

    Example:
        >>> signed(0.25), signed(math.nan)
        ('+0.250', '—')
    """
    return "—" if math.isnan(score) else f"{score:+.3f}"


def file_name(clip: str) -> str:
    """An id as part of a file name.

    Example:
        >>> file_name("video/1$_$3")
        'video-1-3'
    """
    return re.sub(r"[^\w.-]+(_[^\w.-]+)?", "-", clip).strip("-")
