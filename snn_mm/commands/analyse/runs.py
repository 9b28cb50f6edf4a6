"""What the kinds of `snnmm analyse` share: their runs, and where they write."""

from __future__ import annotations

import argparse
import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Comparison, Group, compare
from snn_mm.analysis.report.markdown import table_lines
from snn_mm.analysis.report.run_files import find_runs, read_run
from snn_mm.analysis.report.wording import joined
from snn_mm.commands.listing import aligned
from snn_mm.commands.report import known_library
from snn_mm.errors import UserError
from snn_mm.figures.style import save_figure
from snn_mm.run.directory import write_text

CURVE_METRIC = "val/accuracy/fused"
FINAL_METRIC = "test/accuracy/fused"
FOLDER = "analysis"


def make_parser(kind: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser with the option that every kind has."""
    parser = argparse.ArgumentParser(
        f"snnmm analyse {kind}",
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (`analysis` in their folder)"
    )
    return parser


def add_runs(parser: argparse.ArgumentParser) -> None:
    """The runs that a kind compares."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUNS", help="run directories or folders above them"
    )


def read_groups(paths: Iterable[Path], by: Sequence[str] = ()) -> Comparison:
    """The finished runs at or below the paths, as methods on one data set.

    Args:
        paths: run directories or folders above them.
        by: config keys that tell methods apart instead of everything.

    Raises:
        UserError: there is none, or they are of several data sets.
    """
    runs = [read_run(path) for path in find_runs(paths)]
    comparison = compare(runs, known_library(), by)
    if not comparison.groups:
        counts = Counter(run.status for run in runs)
        found = ", ".join(f"{number} {status}" for status, number in counts.items())
        raise UserError(f"no finished run among {len(runs)} ({found})\nfirst: {runs[0].path}")
    if len(comparison.datasets) > 1:
        examples = [
            next(g for g in comparison.groups if g.dataset == d) for d in comparison.datasets
        ]
        named = "\n".join(f"{g.dataset}: {g.counted[0].run.path}" for g in examples[:3])
        raise UserError(f"the runs are of {len(examples)} data sets; analyse them apart\n{named}")
    return comparison


def require_metric(groups: Iterable[Group], metric: str) -> None:
    """Refuse runs without a final metric.

    Raises:
        UserError: names the first.
    """
    for group in groups:
        for member in group.counted:
            if metric not in member.run.metrics:
                known = sorted(n for n in member.run.metrics if n.startswith("test/"))
                has = joined([n for n in known if "accuracy" in n] or known or ["no test"])
                raise UserError(f"{member.run.path}: results.json has no {metric}\nit has {has}")


def output_folder(asked: Path | None, paths: Sequence[Path]) -> Path:
    """The folder that was asked for, else `analysis` in the folder that holds all runs."""
    if asked is not None:
        return asked
    return Path(os.path.commonpath([path.resolve() for path in paths])) / FOLDER


def write_analysis(
    folder: Path, name: str, tables: Sequence[Table], figure: Figure | None = None
) -> None:
    """Print tables, and write them as Markdown and CSV beside the figure; print what was written.

    Args:
        folder: where to write; made if it is missing.
        name: file names without suffix; tables after the first add their own.
        tables: what was found; a folded one, because it is long, is written as CSV alone.
        figure: drawn of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        if not table.folded:
            print_table(table)
        stem = name if table is tables[0] else f"{name}_{table.name}"
        write_text(folder / f"{stem}.csv", to_csv(text_rows(table)))
    pages = "\n\n".join("\n".join(table_lines(t)) for t in tables if not t.folded)
    write_text(folder / f"{name}.md", pages + "\n")
    if figure is not None:
        save_figure(figure, folder / f"{name}.png")
    print(folder / f"{name}.{{md,csv{',png' if figure else ''}}}")


def print_table(table: Table) -> None:
    """Print a table in columns, with an empty line after it."""
    print("\n".join(aligned([tuple(row) for row in text_rows(table)])), end="\n\n")


def text_rows(table: Table) -> list[list[str]]:
    """Heads and cells as plain texts."""
    return [list(table.columns), *([cell.text for cell in row] for row in table.cells)]


def to_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
