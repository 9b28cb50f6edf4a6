"""`snnmm analyse explanations`: whether integrated gradients name what networks look at."""

from __future__ import annotations

import argparse

from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import PARTS, add_data_root, add_runs, beside, in_order, name_runs

DESCRIPTION = """\
Deletion and insertion curves over the first samples of each run, by integrated gradients and in a
random order: an explanation that means something lets the prediction fall faster when what it
names is taken away, and rise faster when it comes. Needs the extra `explain`."""

EXAMPLE = "snnmm analyse explanations runs/quickstart-sweep"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which runs, and how many samples of each."""
    add_runs(parser)
    add = parser.add_argument
    add("--samples", type=int, default=128, metavar="N", help="of each run (128)")
    add("--split", choices=PARTS, default=PARTS[0], help=f"of which part ({PARTS[0]})")
    add("--seed", type=int, default=0, metavar="N", help="of the random order of the first run (0)")
    add_data_root(parser)


def analyse(options: argparse.Namespace) -> Findings:
    """Measure run after run."""
    from snn_mm.analysis.explanation.study import (
        check_explanations,
        checked_table,
        draw_checked,
        verdict,
    )
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import restore
    from snn_mm.errors import check_range

    check_range("--samples", options.samples, 1)
    silence()
    paths = in_order(options.runs)
    stages = ("test",) if options.split == "test" else ("fit", "test")
    found = {}
    for place, (name, path) in enumerate(name_runs(paths, None).items()):
        module, data, _ = restore(path, "cpu", options.data_root, stages)
        how = (options.samples, options.split, options.seed + place)
        found[name] = check_explanations(module, data, *how)
    figures = {"explanations": draw_checked(found)}
    return Findings(beside(paths), [checked_table(found)], figures, last=verdict(found))
