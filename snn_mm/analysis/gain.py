"""What multimodal training gives one branch, with and without IEMF (IEMF Fig. 2d)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from snn_mm.analysis.bands import draw_band
from snn_mm.analysis.differences import difference_text
from snn_mm.analysis.report.config_facts import CALLBACKS, select
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group, drawn
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import encoders
from snn_mm.analysis.report.run_files import Run, read_runs
from snn_mm.errors import UserError
from snn_mm.figures.style import COLOURS, STYLE, panels

ALONE, WITHOUT, WITH = "alone", "without IEMF", "with IEMF"
WARM_START = f"{CALLBACKS}WarmStart"

Branches = Mapping[str, Group]
"""The groups `alone`, `without IEMF` and `with IEMF`, those of them that were trained."""


def read_branch(name: str, paths: Sequence[Path]) -> Group:
    """The finished runs of one branch, one a seed.

    Args:
        name: `alone`, `without IEMF` or `with IEMF`.
        paths: run directories or folders above them.

    Raises:
        UserError: none is finished, two have one seed, or one is no such branch.
    """
    runs = [run for run in read_runs(paths) if run.is_finished]
    if not runs:
        raise UserError(f"gain: no finished run of the branch {name} in {paths[0]}")
    by_seed: dict[str, Run] = {}
    for run in runs:
        check_branch(name, run)
        if drawn(run) in by_seed:
            raise UserError(
                f"gain: two runs of the branch {name} have seed {drawn(run)}\n"
                f"{by_seed[drawn(run)].path}\n{run.path}"
            )
        by_seed[drawn(run)] = run
    counted = [by_seed[seed] for seed in sorted(by_seed, key=lambda s: (len(s), s))]
    return Group(name, str(runs[0].facts["data"]), counted, [])


def check_branch(name: str, run: Run) -> None:
    """Refuse a run that is no unimodal twin, or that started otherwise than its branch says.

    Raises:
        UserError: names the run and what is accepted.
    """
    names = encoders(run.facts)
    if len(names) != 1:
        raise UserError(
            f"gain: {run.path} trained {', '.join(names)}; accepted are unimodal twins: the same "
            "experiment with one entry in encoders"
        )
    if (WARM_START in run.facts) == (name == ALONE):
        wanted = "without" if name == ALONE else "with"
        raise UserError(
            f"gain: {run.path} belongs to no branch {name!r}: accepted are runs {wanted} the "
            "callback WarmStart"
        )


def check_comparable(branches: Branches) -> None:
    """Refuse branches of several modalities or data sets.

    Raises:
        UserError: names a run of each.
    """
    found: dict[tuple[str, str], str] = {}
    for group in branches.values():
        for run in group.counted:
            facts = run.facts
            data = str(sorted(select(facts, "data", ()).items()))
            line = f"{facts['data']}, {encoders(facts)[0]}: {run.path}"
            found.setdefault((data, encoders(facts)[0]), line)
    if len(found) > 1:
        lines = "\n".join(list(found.values())[:3])
        raise UserError(f"gain: branches differ in modality, or in a key below `data`\n{lines}")


def gain_table(branches: Branches, metric: str) -> Table:
    """Final accuracy of each branch and its gain over the others, with the exact paired test."""
    shown = Metric(metric)
    names = [name for name in (ALONE, WITHOUT) if name in branches]
    rows = [
        [
            name,
            shown.write(group.summary(metric)),
            *(difference_text(group, branches[other], metric) for other in names),
        ]
        for name, group in branches.items()
    ]
    caption = (
        f"{metric}{shown.unit}: mean ± standard deviation over seeds (number of seeds). Gain: "
        "difference over shared seeds, p of the exact sign-flip test (two seeds cannot give less "
        "than 0.5, five 0.0625)."
    )
    return Table("gain", caption, ["Branch", metric, *(f"gain over {n}" for n in names)], rows)


@mpl.rc_context(STYLE)
def draw_gain(branches: Branches, metric: str) -> Figure:
    """Draw the accuracy of each branch by epoch of fine-tuning.

    Args:
        branches: what was trained.
        metric: an accuracy that was logged every epoch.

    Raises:
        UserError: a branch logged no such metric.
    """
    figure, [[panel]] = panels(1, 1, height=2.8)
    shown = Metric(metric)
    for (name, group), colour in zip(branches.items(), COLOURS):
        points = group.needed_curve(metric)
        draw_band(panel, points, colour, f"{modality_of(branches)} {name}", shown.scale)
    panel.set_xlabel("epoch")
    panel.set_ylabel(shown.axis)
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def modality_of(branches: Branches) -> str:
    """The modality of all branches."""
    return encoders(next(iter(branches.values())).facts)[0]
