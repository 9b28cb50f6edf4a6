"""`snnmm doctor`: is everything in place?

Exits with 0 if nothing is broken, 1 if a check failed. Imports no package it judges, so that it
answers at once and also where those packages are broken; `--imports` really imports them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from snn_mm.commands.checks.result import Check, Status, fail

SECTIONS = {
    "Packages": (
        "packages.check_python",
        "packages.check_requirements",
        "packages.check_agreement",
        "packages.check_extras",
        "combinations.check_combinations",
    ),
    "Devices": ("devices.check_devices",),
    "Data and runs": ("workspace.check_workspace",),
}
IMPORTS = {"Imports": ("imports.check_imports",)}

_COLOURS = {Status.OK: 32, Status.INFO: 36, Status.WARN: 33, Status.FAIL: 31}


def run(argv: list[str]) -> int:
    """Check and print; the exit code is 1 if anything is broken."""
    options = _parser().parse_args(argv[1:])
    sections = SECTIONS | (IMPORTS if options.imports else {})
    results: list[tuple[str, Check]] = []
    for section, check in examine(sections):
        if not options.json:
            _show(check, heading="" if results and results[-1][0] == section else section)
        results.append((section, check))
    if options.json:
        print(json.dumps([{"section": s, **c._asdict()} for s, c in results], indent=2))
    broken = sum(check.status is Status.FAIL for _, check in results)
    if broken and not options.json:
        print(f"\n{broken} broken, marked FAIL above.")
    return 1 if broken else 0


def examine(sections: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Check]]:
    """Run the checks of each section; one that cannot run at all is itself a failure.

    Args:
        sections: by title, the functions as `module.function` within `snn_mm.commands.checks`.
    """
    for section, names in sections.items():
        for name in names:
            try:
                for check in _function(name)():
                    yield section, check
            # Whatever is broken here is what the user wants to be told of.
            except Exception as error:
                yield section, fail(name, f"{type(error).__name__}: {error}")


def _function(name: str) -> Callable[[], Iterator[Check]]:
    module, function = name.split(".")
    check: Callable[[], Iterator[Check]] = getattr(
        import_module(f"snn_mm.commands.checks.{module}"), function
    )
    return check


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm doctor",
        description="Check versions, devices, data. Exits with 1 if something is broken, else 0.",
    )
    parser.add_argument(
        "--imports", action="store_true", help="also import the large packages (up to a minute)"
    )
    parser.add_argument("--json", action="store_true", help="write JSON, for scripts")
    return parser


def _show(check: Check, heading: str) -> None:
    """Print one line at once, since `--imports` takes its time over each."""
    if heading:
        print(f"\n{heading}")
    status = f"{check.status:<4}"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        status = f"\033[{_COLOURS[check.status]}m{status}\033[0m"
    print(f"  {status}  {check.name:<20} {check.detail}", flush=True)
