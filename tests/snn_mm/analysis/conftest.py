"""Makes `made_runs` importable, and sorts made runs into variants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.report.groups import compare
from snn_mm.analysis.report.naming import LIGHTNING_OBSERVERS, Library
from snn_mm.analysis.report.run_files import find_runs, read_run
from snn_mm.analysis.variants import Variant, find_variants

sys.path.insert(0, str(Path(__file__).parent))

LIBRARY = Library({"IEMF": {"gamma": 1.0, "kappa": "tanh"}}, LIGHTNING_OBSERVERS)


@pytest.fixture
def variants_in() -> Callable[[Path], list[Variant]]:
    """Return what sorts the runs of a folder into variants."""

    def read(folder: Path) -> list[Variant]:
        comparison = compare([read_run(path) for path in find_runs([folder])], LIBRARY)
        return find_variants(comparison.groups, LIBRARY)

    return read
