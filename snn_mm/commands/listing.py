"""`snnmm list [KEY]`: what a config can name, and with which parameters."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from snn_mm.config.catalogue import EXPERIMENTS, GROUPS, CatalogueEntry, Parameter, catalogue, find

Row = tuple[str, ...]


def run(argv: list[str]) -> int:
    """Print what a config can name, all of it, a group, or one class with its parameters."""
    options = _parser().parse_args(argv[1:])
    entries = catalogue()
    if options.key:
        entries = find(options.key, entries)
    if options.json:
        print(json.dumps([_as_json(entry) for entry in entries], indent=2))
    elif options.key and options.key.casefold() not in GROUPS:
        print("\n\n".join(detail(entry) for entry in entries))
    else:
        _print_overview(entries)
    return 0


def detail(entry: CatalogueEntry) -> str:
    """Describe one entry in full: what it says of itself, where it is, how to use it."""
    blocks = [f"{entry.name}  ({entry.group})", entry.text]
    if entry.group == EXPERIMENTS:
        blocks.append(f"snnmm fit --config {entry.location}")
    else:
        blocks.append("\n".join([f"class_path: {entry.location}", *_init_args(entry)]))
    return "\n\n".join(block for block in blocks if block)


def _init_args(entry: CatalogueEntry) -> list[str]:
    """List the parameters, each with its type and default, its description below it."""
    if not entry.parameters:
        return ["init_args: none"]
    lines = ["init_args:"]
    named = list(_with_fields(entry.parameters))
    rows = [(name, p.type, _default(p.default)) for name, p in named]
    for (_, parameter), line in zip(named, aligned(rows)):
        lines.append(f"  {line}")
        if parameter.description:
            lines.append(_indented(parameter.description, 6))
    return lines


def _with_fields(
    parameters: Iterable[Parameter], above: str = ""
) -> Iterator[tuple[str, Parameter]]:
    """Yield each parameter and what stands below it, by the key that one types."""
    for parameter in parameters:
        yield f"{above}{parameter.name}", parameter
        yield from _with_fields(parameter.fields, f"{above}{parameter.name}.")


def aligned(rows: Sequence[Row]) -> list[str]:
    """Join each row to a line, its columns padded to the widest cell; the last is not padded."""
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows)][:-1]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()
        for row in rows
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("snnmm list", description="Show what a config can name.")
    parser.add_argument(
        "key",
        nargs="?",
        metavar="KEY",
        help=f"a class or an experiment (shows its parameters), or a group: {', '.join(GROUPS)}",
    )
    parser.add_argument("--json", action="store_true", help="write JSON, for scripts")
    return parser


def _print_overview(entries: Iterable[CatalogueEntry]) -> None:
    groups = {
        group: [(entry.name, entry.summary) for entry in members]
        for group, members in groupby(entries, key=lambda entry: entry.group)
    }
    if sys.stdout.isatty():
        _print_tables(groups)
        return
    for line in _overview_lines(groups):
        print(line)


def _overview_lines(groups: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Lay the groups out as plain text with one common column of names."""
    lines = iter(aligned([row for rows in groups.values() for row in rows]))
    out: list[str] = []
    for group, rows in groups.items():
        out += [group, *(f"  {next(lines)}" for _ in rows), ""]
    return out[:-1]


def _print_tables(groups: dict[str, list[tuple[str, str]]]) -> None:
    # Imported here: scripts that read plain text or JSON need not wait for it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    width = max((len(name) for rows in groups.values() for name, _ in rows), default=0)
    for group, rows in groups.items():
        table = Table(
            title=group, title_justify="left", title_style="bold", show_header=False, box=None
        )
        table.add_column(style="cyan", no_wrap=True, min_width=width)
        table.add_column()
        for name, summary in rows:
            table.add_row(Text(name), Text(summary))
        console.print(table)


def _as_json(entry: CatalogueEntry) -> dict[str, object]:
    return {**asdict(entry), "summary": entry.summary}


def _default(default: str | None) -> str:
    return "(required)" if default is None else f"= {default}"


def _indented(text: str, margin: int) -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    return textwrap.fill(text, width, initial_indent=" " * margin, subsequent_indent=" " * margin)
