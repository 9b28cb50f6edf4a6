"""`snnmm report RUNS...`: compares runs on a page; needs no torch."""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import time
from pathlib import Path
from typing import Any

from snn_mm.analysis.report.groups import compare
from snn_mm.analysis.report.metric import MAIN_METRICS, Metric, main_metric
from snn_mm.analysis.report.naming import LIGHTNING_OBSERVERS, Library
from snn_mm.analysis.report.published import PublishedNumber, read_published
from snn_mm.analysis.report.run_files import read_runs
from snn_mm.analysis.report.sections.provenance import count_statuses
from snn_mm.analysis.report.sections.results import Results, find_baseline
from snn_mm.analysis.report.writer import FORMATS, build_document, write_report
from snn_mm.config.catalogue import components, experiment_folders
from snn_mm.errors import UserError

PUBLISHED = "published.yaml"

TAKE_PART = {"WarmStart"}
"""Callbacks that are no modulations and yet decide what a training comes to."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `report` first.

    Returns:
        The exit code.

    Raises:
        UserError: there is no run, or an option fits none.
    """
    options = _parser().parse_args(argv[1:])
    formats = parse_formats(options.format)
    runs = read_runs(options.runs)
    by = [key for key in options.by.split(",") if key]
    comparison = compare(runs, known_library(), by, options.all)
    if options.baseline is not None and comparison.methods:
        find_baseline(comparison, options.baseline)
    published = published_numbers(options.published)
    measured = [run.metrics for run in runs]
    if options.metric is not None:
        check_metric(options.metric, {name for metrics in measured for name in metrics})
    metric = options.metric or main_metric(*measured)
    results = Results(comparison, Metric(metric), published, options.baseline)
    document = build_document(results, options.output, options.date or today())
    for page in write_report(document, options.output, formats):
        print(page)
    print(count_statuses(comparison))
    return 0


def parse_formats(text: str) -> list[str]:
    """Formats by name.

    Raises:
        UserError: there is no such format.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or set(names) - set(FORMATS):
        raise UserError(f"--format {text}: accepted are {', '.join(FORMATS)}, joined by commas")
    return list(dict.fromkeys(names))


def check_metric(name: str, measured: set[str]) -> None:
    """Refuse a metric that no run has, which would make a table of dashes.

    Args:
        name: what is asked for.
        measured: the metrics that the runs have.

    Raises:
        UserError: names the nearest that there are.
    """
    if name in measured:
        return
    near = difflib.get_close_matches(name, sorted(measured), n=4)
    known = (
        near
        or sorted(
            measured, key=lambda other: (not other.startswith("test/"), "/" not in other, other)
        )[:8]
    )
    there = (
        f"{'nearest' if near else 'they have'}: {', '.join(known)}" if known else "nor any other"
    )
    raise UserError(f"--metric {name}: no run has it\n{there}")


def known_library() -> Library:
    """Defaults and observing callbacks of this installation, as its classes declare them."""
    entries = components()
    defaults = {
        entry.name: {p.name: literal(p.default) for p in entry.parameters if p.default is not None}
        for entry in entries
        if entry.group in ("modules", "methods", "fusions", "modulations")
    }
    own = {entry.name for entry in entries if entry.group == "callbacks"} - TAKE_PART
    return Library(defaults, LIGHTNING_OBSERVERS | own)


def literal(source: str) -> Any:
    """The value of a default; its source text if it is no literal."""
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return source


def published_numbers(path: Path | None) -> list[PublishedNumber]:
    """The papers' numbers: of a file that was asked for, else those beside the experiments."""
    if path is not None:
        return read_published(path)
    files = [folder / PUBLISHED for folder in experiment_folders()]
    return next((read_published(file) for file in files if file.is_file()), [])


def today() -> str:
    """The date of SOURCE_DATE_EPOCH, which makes reports repeatable to the byte, or of now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = time.gmtime(int(epoch) if epoch.isdigit() else None)
    return time.strftime("%Y-%m-%d %H:%M UTC", moment)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm report", description="Compare runs: tables, curves, energy, and what differs."
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUNS", help="run directories or folders above them")
    add(
        "--output", type=Path, default=Path("report"), metavar="DIR", help="where to write (report)"
    )
    add("--format", default="md,html,latex", help="any of md,html,latex (all of them)")
    add(
        "--metric",
        help=f"what is compared (the one that most runs have of {', '.join(MAIN_METRICS)})",
    )
    add("--baseline", metavar="NAME", help="row to test against: letter or name (the first)")
    add("--by", default="", metavar="KEYS", help="config keys that make the rows, or `experiment`")
    add("--all", action="store_true", help="let unfinished runs enter the means")
    add(
        "--published",
        type=Path,
        metavar="FILE",
        help=f"numbers of papers (experiments/{PUBLISHED})",
    )
    add("--date", metavar="TEXT", help="date line (SOURCE_DATE_EPOCH, or now)")
    return parser
