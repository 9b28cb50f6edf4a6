"""Two ranks of unequal shares against one process: each sample is evaluated once."""

from pathlib import Path
from typing import Any

import pytest
from toy_training import ranks_of


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return metrics and number of batches by `<ranks>-<rank>`."""
    script = Path(__file__).with_name("ddp_evaluation.py")
    return ranks_of(script, tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
def test_metrics_of_two_ranks_are_those_of_one_process(records: dict[str, dict[str, Any]]) -> None:
    one = records["1-0"]
    assert {"test/firing_rate/audio", "test/shapley/audio", "test/xi"} <= set(one["tested"])
    assert [records[rank]["batches"] for rank in ("1-0", "2-0", "2-1")] == [10, 6, 4]
    for rank in ("2-0", "2-1"):
        assert records[rank]["tested"] == pytest.approx(one["tested"], rel=1e-6)
        for own, expected in zip(records[rank]["validated"], one["validated"], strict=True):
            assert own == pytest.approx(expected, rel=1e-6)
