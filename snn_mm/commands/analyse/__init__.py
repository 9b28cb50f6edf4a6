"""`snnmm analyse KIND RUNS...`: the papers' analyses of finished runs, one kind a module.

A kind's module is imported only when it is called for: most need no torch.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import NamedTuple

from snn_mm.errors import UserError


class Kind(NamedTuple):
    """One analysis: its line in the help, and the module whose `run(argv)` makes it."""

    summary: str
    module: str


KINDS = {
    "cost": Kind("epochs to equal error times the FLOPs of an epoch", f"{__name__}.cost"),
    "training": Kind("accuracy and loss of each modality by epoch", f"{__name__}.training"),
    "coefficient": Kind("the IEMF coefficient beside the accuracy", f"{__name__}.coefficient"),
    "gain": Kind("what multimodal training gives one branch", f"{__name__}.gain"),
    "ablation": Kind("gamma; vanilla, joint learning, IEMF; modalities", f"{__name__}.ablation"),
    "grid": Kind("two swept options, chosen on validation data", f"{__name__}.grid"),
    "classes": Kind("confusion matrices and t-SNE of features", f"{__name__}.classes"),
    "cases": Kind("a page of test clips: every head's score and label", f"{__name__}.cases"),
    "clip": Kind("attention and firing of SGMT over one clip", f"{__name__}.clip"),
    "theorem": Kind("the variance of spiking attention, checked", f"{__name__}.theorem"),
    "answers": Kind("answers to questions, by kind, and samples", f"{__name__}.answers"),
    "landscape": Kind("the loss around a trained network", f"{__name__}.landscape"),
}

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
        UserError: there is no such kind, or a mistake in what was typed after it.
    """
    kind = argv[1] if len(argv) > 1 else "--help"
    if kind in ("-h", "--help"):
        print(overview())
        return 0
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "see `snnmm analyse --help`"
        raise UserError(f"unknown analysis '{kind}'; {hint}\nkinds: {', '.join(KINDS)}")
    code: int = import_module(KINDS[kind].module).run(argv[1:])
    return code


def overview() -> str:
    """Return the text of `snnmm analyse --help`."""
    lines = (f"  {name:<12} {kind.summary}" for name, kind in KINDS.items())
    return _OVERVIEW.format(kinds="\n".join(lines))
