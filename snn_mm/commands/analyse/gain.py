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
from snn_mm.commands.analyse.runs import (
    CURVE_METRIC,
    FINAL_METRIC,
    make_parser,
    output_folder,
    require_metric,
    write_analysis,
)

DESCRIPTION = """\
Compares one branch trained alone with the same branch fine-tuned from multimodal runs. All are
unimodal twins (the experiment with one entry in `encoders`); fine-tuned ones have the callback
  WarmStart(run: 'runs/ks/iemf-s{seed}', modalities: [audio])
which loads the encoder; with `frozen: true` they are linear probes."""

EXAMPLE = """\
snnmm analyse gain --alone runs/audio --without runs/audio_vanilla --with runs/audio_iemf"""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `gain` first.

    Returns:
        The exit code.

    Raises:
        UserError: a branch has no run, or the branches cannot be compared.
    """
    options = _parser().parse_args(argv[1:])
    given: dict[str, list[Path]] = {
        ALONE: options.alone,
        WITHOUT: options.without,
        WITH: options.iemf,
    }
    branches = {name: read_branch(name, paths) for name, paths in given.items()}
    check_comparable(branches)
    require_metric(branches.values(), options.final_metric)
    folder = output_folder(options.out, [path for paths in given.values() for path in paths])
    table = gain_table(branches, options.final_metric)
    write_analysis(folder, "gain", [table], draw_gain(branches, options.metric))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("gain", DESCRIPTION, EXAMPLE)
    add = parser.add_argument
    for flag, target, text in (
        ("--alone", "alone", "the branch trained alone"),
        ("--without", "without", "fine-tuned from runs without IEMF"),
        ("--with", "iemf", "fine-tuned from runs with IEMF"),
    ):
        add(flag, dest=target, nargs="+", type=Path, metavar="RUNS", required=True, help=text)
    add("--metric", default=CURVE_METRIC, help=f"curve of the figure ({CURVE_METRIC})")
    add("--final_metric", default=FINAL_METRIC, help=f"number of the table ({FINAL_METRIC})")
    return parser
