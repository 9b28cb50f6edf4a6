"""Where the numbers come from: what differs between runs, and every run."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from snn_mm.analysis.report.consistency import differences
from snn_mm.analysis.report.document import Block, Section, Table, TableCell, Text
from snn_mm.analysis.report.groups import Comparison, Group, drawn
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.run_files import Run
from snn_mm.analysis.report.wording import NOTHING, joined


def difference_section(comparison: Comparison) -> Section:
    """What differs between runs of one cell, and between the rows of one column."""
    rows: list[list[TableCell | str]] = []
    for dataset in comparison.datasets:
        groups = comparison.ordered(dataset)
        inside = [row for group in groups for row in group_rows(comparison, group)]
        runs = [run for group in groups for run in group.counted]
        across = differences(runs, comparison.library.observers) if len(groups) > 1 else {}
        rows += inside
        rows += [[f"all of {dataset}", what, counted(v)] for what, v in across.items()]
    if not rows:
        same = "Runs that are compared agree in commit, data, versions and protocol."
        return Section("Differences", [Text(same)])
    caption = (
        "What should be equal and is not; a number in brackets counts runs. "
        "--by KEY makes rows of a key of the config."
    )
    columns = ["Where", "What differs", "Values"]
    return Section("Differences", [Table("differences", caption, columns, rows, latex=False)])


def group_rows(comparison: Comparison, group: Group) -> list[list[TableCell | str]]:
    """What differs inside a cell of the main table."""
    where = f"{comparison.key(group.method)} on {group.dataset}"
    found = differences(group.counted, comparison.library.observers)
    rows: list[list[TableCell | str]] = [[where, what, counted(v)] for what, v in found.items()]
    if group.repeated:
        seeds = f"seed {joined(group.repeated)}: the newest run counts"
        rows.append([where, "several runs of one seed", seeds])
    return rows


def counted(values: Counter[str]) -> str:
    """Values with how many runs have each."""
    return joined([f"{value} ({count})" for value, count in sorted(values.items())])


def runs_section(comparison: Comparison, metric: Metric, output: Path) -> Section:
    """Every run that was found, whatever its state."""
    groups = {run: group for group in comparison.groups for run in group.counted}
    ordered = sorted(comparison.runs, key=lambda run: run.name)
    rows = [run_row(comparison, run, groups.get(run), metric, output) for run in ordered]
    blocks: list[Block] = []
    if failed := [row for row, run in zip(rows, ordered) if run.problems]:
        caption = (
            f"{len(failed)} of {len(rows)} runs are unfinished, diverged, damaged or incomplete, "
            "or went on with other settings or data."
        )
        problems = [[row[0], row[1], row[-1]] for row in failed]
        heads = ["Run", "Status", "What is wrong"]
        blocks.append(Table("problems", caption, heads, problems, latex=False))
    caption = "Every run; a plus after the commit means uncommitted changes."
    columns = ["Run", "Status", "Counts in", metric.name, "Seed", "Commit", "Data", "Profile"]
    table = Table("runs", caption, columns, [row[:-1] for row in rows], latex=False)
    return Section("Runs", [*blocks, table])


def run_row(
    comparison: Comparison, run: Run, group: Group | None, metric: Metric, output: Path
) -> list[TableCell | str]:
    """One run; the last cell says what is wrong with it."""
    place = f"{comparison.key(group.method)} on {group.dataset}" if group else NOTHING
    value = run.metrics.get(metric.name)
    shown = NOTHING if value is None else f"{value * metric.scale:.{metric.digits}f}"
    profile = run.environment.get("profile") or run.facts.get("run.profile") or NOTHING
    return [
        TableCell(run.name, href=os.path.relpath(run.path, output.resolve())),
        run.status,
        place,
        shown,
        drawn(run),
        run.commit,
        str(run.environment.get("data") or NOTHING),
        str(profile),
        "; ".join(run.problems),
    ]


def count_statuses(comparison: Comparison) -> str:
    """How many runs there are in each state."""
    counts = Counter(run.status for run in comparison.runs)
    parts = [f"{count} {status}" for status, count in sorted(counts.items())]
    total = sum(counts.values())
    used = sum(len(group.counted) for group in comparison.groups)
    runs = f"{total} run{'s' * (total != 1)}"
    return f"{runs}: {', '.join(parts)}. {used} enter the means."
