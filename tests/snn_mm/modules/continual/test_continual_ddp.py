"""Two ranks against one process on the union of their batches, over three tasks."""

from pathlib import Path
from typing import Any

import pytest
from toy_training import ranks_of


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return matrix and weights by `<ranks>-<rank>`."""
    script = Path(__file__).with_name("ddp_continual.py")
    return ranks_of(script, tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
def test_replicas_stay_equal_through_growth_and_equal_one_process(
    records: dict[str, dict[str, Any]],
) -> None:
    assert records["2-0"] == records["2-1"]
    assert records["2-0"]["matrix"] == records["1-0"]["matrix"]
    assert records["2-0"]["weights"] == pytest.approx(records["1-0"]["weights"], abs=1e-6)
