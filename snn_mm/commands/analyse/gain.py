"""`snnmm analyse gain`: what multimodal training gives one branch (IEMF Fig. 2d)."""

from __future__ import annotations

import argparse
from pathlib import Path

from snn_mm.analysis.gain import (
    ALONE,
    WITH,
    WITHOUT,
    check_comparable,
    draw_gain,
    gain_table,
    read_branch,
)
from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import CURVE_METRIC, FINAL_METRIC, beside, require_metric

DESCRIPTION = """\
Compares one branch trained alone with the same branch fine-tuned from multimodal runs. All are
unimodal twins (the experiment with one entry in `encoders`); fine-tuned ones have the callback
  WarmStart(run: 'runs/ks/iemf-s{seed}', modalities: [audio])
which loads the encoder; with `frozen: true` they are linear probes."""

EXAMPLE = """\
snnmm analyse gain --alone runs/audio --without runs/audio_vanilla --with runs/audio_iemf"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The runs of each branch."""
    add = parser.add_argument
    for flag, branch, text in (
        ("--alone", ALONE, "the branch trained alone"),
        ("--without", WITHOUT, "fine-tuned from runs without IEMF"),
        ("--with", WITH, "fine-tuned from runs with IEMF"),
    ):
        add(flag, dest=branch, nargs="+", type=Path, metavar="RUNS", required=True, help=text)
    add("--metric", default=CURVE_METRIC, help=f"curve of the figure ({CURVE_METRIC})")
    add("--final_metric", default=FINAL_METRIC, help=f"number of the table ({FINAL_METRIC})")


def analyse(options: argparse.Namespace) -> Findings:
    """Refuse branches that cannot be compared; else compare them."""
    given: dict[str, list[Path]] = {name: vars(options)[name] for name in (ALONE, WITHOUT, WITH)}
    branches = {name: read_branch(name, paths) for name, paths in given.items()}
    check_comparable(branches)
    require_metric(branches.values(), options.final_metric)
    folder = beside([path for paths in given.values() for path in paths])
    table = gain_table(branches, options.final_metric)
    return Findings(folder, [table], {"gain": draw_gain(branches, options.metric)})
