"""`snnmm analyse clip`: what attention and firing of an SGMT look like over one clip."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from snn_mm.commands.analyse.one_run import add_run, figures_folder, open_one
from snn_mm.commands.analyse.runs import make_parser
from snn_mm.commands.listing import aligned

if TYPE_CHECKING:
    from snn_mm.analysis.sentiment.case_study import Case

DESCRIPTION = """\
A figure, clip-ID.png in the run's figures: for each single-modal network and the fusion network the
attention between steps, every spike, and the share of neurons that fire at each step. Steps are
those of the network: longer sequences were averaged to them. An ANN twin has attention alone."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `clip` first.

    Returns:
        The exit code.

    Raises:
        UserError: no run of SGMT, no data, or no such clip, layer or head.
    """
    options = _parser().parse_args(argv[1:])
    restored = open_one(options)
    from snn_mm.analysis.sentiment.case_study import score_clips
    from snn_mm.analysis.sentiment.clip_figures import draw_clip
    from snn_mm.analysis.sentiment.clip_loading import sentiment_module, sgmt_network, take_clip
    from snn_mm.analysis.sentiment.clip_record import record_clip
    from snn_mm.figures.style import save_figure

    network = sgmt_network(restored)
    clip = take_clip(restored.data, options.clip, options.split)
    (case,) = score_clips(sentiment_module(restored), [clip])
    figure = draw_clip(options.clip, record_clip(network, clip), options.layer, options.head)
    path = figures_folder(options, restored) / f"clip-{file_name(options.clip)}.png"
    save_figure(figure, path)
    print_scores(case)
    print(path)
    return 0


def file_name(clip: str) -> str:
    """An id as part of a file name.

    Example:
        >>> file_name("video/1$_$3")
        'video-1-3'
    """
    return re.sub(r"[^\w.-]+(_[^\w.-]+)?", "-", clip).strip("-")


def print_scores(case: Case) -> None:
    """Print what each head says, and its label."""
    rows = [
        (head, f"{score:+.3f}", f"{case.label[head]:+.3f}") for head, score in case.score.items()
    ]
    print("\n".join(aligned([("Head", "Score", "Label"), *rows])), end="\n\n")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("clip", DESCRIPTION, "snnmm analyse clip runs/sgmt_sims/RUN --clip ID")
    add_run(parser)
    add = parser.add_argument
    add("--clip", required=True, metavar="ID", help="which clip")
    add("--layer", type=int, metavar="N", help="whose attention, from 1 (the last)")
    add("--head", type=int, metavar="N", help="whose attention, from 1 (the mean of all)")
    return parser
