"""Strikes processes, has them go on, and counts what came of it; `make faults` runs it.

What a fault's tests counted goes through the reports of pytest, so that it reaches the table from
whatever process they ran in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "snn_mm" / "toy"):
    sys.path.insert(0, str(folder))

from fault_experiment import Strike  # noqa: E402 - found in the folders that were just added
from fault_runs import COLUMNS, Outcome, Place, Tally, outcome, table, write_rows  # noqa: E402

TABLE = "SNN_MM_FAULTS"
"""Names the page whose table is written anew."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], Outcome]:
    """The outcome of an undisturbed run with some flags, which is run once; `files` counts."""
    known: dict[tuple[str, ...], Outcome] = {}

    def get(flags: Sequence[str]) -> Outcome:
        if (key := tuple(flags)) not in known:
            place = Place(tmp_path_factory.mktemp("whole"), flags)
            process = place.start(place.begin(), Strike("file", 0))
            assert process.end() == 0, process.said()
            known[key] = outcome(place.run)
        return known[key]

    return get


@pytest.fixture
def tally(record_property: Callable[[str, Any], None]) -> Callable[[str], Tally]:
    """A tally of one fault, which the table gets."""

    def get(fault: str) -> Tally:
        made = Tally(fault)
        record_property("faults", vars(made))  # which goes on counting until the report is made
        return made

    return get


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table; write it into a page if one is named."""
    passed_or_not = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    properties = [pair for report in passed_or_not for pair in report.user_properties]
    counts = [value for name, value in properties if name == "faults"]
    rows = {each["fault"]: tuple(each[name] for name in COLUMNS) for each in counts}
    if not rows:
        return
    terminalreporter.write("\n" + table(rows))
    if page := os.environ.get(TABLE):
        write_rows(Path(page), rows)
