"""`snnmm analyse KIND RUNS...`: the papers' analyses of finished runs, one kind a module.

Each module says `DESCRIPTION` and `EXAMPLE`, takes its options by `add_options(parser)`, and
returns by `analyse(options)` what it found, which is written here. It is imported only when it is
called for, and torch only when a network is: most kinds need none.
"""

from __future__ import annotations

import argparse
import difflib
from importlib import import_module
from pathlib import Path

from snn_mm.errors import UserError

KINDS = {
    "cost": "epochs to equal error times the FLOPs of an epoch",
    "training": "accuracy and loss of each modality by epoch",
    "coefficient": "the IEMF coefficient beside the accuracy",
    "gain": "what multimodal training gives one branch",
    "ablation": "gamma; vanilla, joint learning, IEMF; modalities",
    "grid": "two swept options, chosen on validation data",
    "classes": "confusion matrices and t-SNE of features",
    "cases": "a page of test clips: every head's score and label",
    "clip": "attention and firing of SGMT over one clip",
    "theorem": "the variance of spiking attention, checked",
    "answers": "answers to questions, by kind, and samples",
    "landscape": "the loss around a trained network",
    "robustness": "absent and corrupted modalities; who contributes what",
    "latency": "less time, fewer bits, and ANNs made SNNs",
    "explanations": "whether integrated gradients name what counts",
}
"""Each kind's line in the help; its module has its name."""

_OVERVIEW = """\
usage: snnmm analyse KIND RUNS... [OPTIONS]

Analyse finished runs: a table, the numbers as CSV, and a figure.

kinds:
{kinds}

RUNS are run directories or folders above them. Options: snnmm analyse KIND --help

  snnmm analyse cost runs/iemf_ks-sweep
  snnmm analyse coefficient runs/quickstart"""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `analyse` first.

    Returns:
        The exit code.

    Raises:
        UserError: there is no such kind, or a mistake in what was typed after it, or in the runs.
    """
    kind = argv[1] if len(argv) > 1 else "--help"
    if kind in ("-h", "--help"):
        print(_OVERVIEW.format(kinds="\n".join(f"  {k:<12} {line}" for k, line in KINDS.items())))
        return 0
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "see `snnmm analyse --help`"
        raise UserError(f"unknown analysis '{kind}'; {hint}\nkinds: {', '.join(KINDS)}")
    module = import_module(f"{__name__}.{kind}")
    parser = argparse.ArgumentParser(
        f"snnmm analyse {kind}",
        description=module.DESCRIPTION,
        epilog=f"example:\n  {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (`analysis` in their folder)"
    )
    module.add_options(parser)
    options = parser.parse_args(argv[2:])
    code: int = module.analyse(options).write(kind, options.out)
    return code
