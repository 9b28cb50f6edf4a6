"""`snnmm analyse cases`: a page with what every head says of single clips (SGMT Figs 4 and 5)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from snn_mm.commands.analyse.one_run import add_run, figures_folder, open_one
from snn_mm.commands.analyse.runs import make_parser
from snn_mm.errors import UserError
from snn_mm.run.directory import write_text

if TYPE_CHECKING:
    from snn_mm.analysis.sentiment.case_page import Texts
    from snn_mm.analysis.sentiment.case_study import Case, Choice

COUNT = 12

DESCRIPTION = """\
One page, cases.html in the run's figures: for single test clips the score of every head beside its
own label. Clips are chosen by rule: modalities whose labels disagree most, the largest errors, and
errors near the median; or by --clips."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `cases` first.

    Returns:
        The exit code.

    Raises:
        UserError: no run of a sentiment module, no data, or no such clip.
    """
    options = _parser().parse_args(argv[1:])
    if options.count < 1:
        raise UserError(f"--count {options.count}: accepted are numbers from 1 on")
    restored = open_one(options)
    from snn_mm.analysis.sentiment.case_page import case_page
    from snn_mm.analysis.sentiment.case_study import choose_cases, score_clips
    from snn_mm.analysis.sentiment.clip_loading import batches, sentiment_module

    module = sentiment_module(restored)
    cases = score_clips(module, batches(restored.data, options.split))
    if options.clips:
        chosen = [named(cases, options.clips, options.split)]
    else:
        chosen = choose_cases(cases, options.count)
    name = f"{restored.run.experiment}/{restored.run.run_id}"
    page = case_page(name, options.split, cases, chosen, text_of(restored.data), module.protocol)
    path = figures_folder(options, restored) / "cases.html"
    write_text(path, page)
    print(path)
    return 0


def named(cases: Sequence[Case], ids: Sequence[str], part: str) -> Choice:
    """The clips that were asked for.

    Raises:
        UserError: one of them is not there.
    """
    from snn_mm.analysis.sentiment.case_study import Choice
    from snn_mm.analysis.sentiment.clip_loading import unknown_clip

    known = {case.id: case for case in cases}
    for name in ids:
        if name not in known:
            raise unknown_clip(name, list(known), part)
    return Choice("Chosen clips", "Clips that were asked for.", [known[name] for name in ids])


def text_of(data: object) -> Texts:
    """What gives the text of a clip: the data module's `raw_text`, if it has one."""
    given = getattr(data, "raw_text", None)
    return given if callable(given) else lambda name: None


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("cases", DESCRIPTION, "snnmm analyse cases runs/sgmt_sims/RUN")
    add_run(parser)
    add = parser.add_argument
    add("--clips", nargs="+", metavar="ID", help="these clips instead of chosen ones")
    add("--count", type=int, default=COUNT, help=f"how many to choose ({COUNT})")
    return parser
