"""Two ranks whose samples lack different modalities against one process on their union."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_training import ranks_of

CASES = [
    *("plain", "iemf", "ogm", "agm", "lfm", "pmr", "loss_adjustment", "attention"),
    *("class_weights", "class_weights_in_time"),
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return factors, weights and metrics by `<ranks>-<rank>`."""
    script = Path(__file__).with_name("ddp_presence.py")
    return ranks_of(script, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("case", CASES)
def test_replicas_end_identical_bit_for_bit(records: dict[str, dict[str, Any]], case: str) -> None:
    assert records["2-0"][case]["weights"] == records["2-1"][case]["weights"]


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process_on_the_union(
    records: dict[str, dict[str, Any]], case: str
) -> None:
    """Means of a modality's loss are over the samples of both ranks that have it."""
    one, two = records["1-0"][case], records["2-0"][case]
    for single, double in zip(one["factors"], two["factors"], strict=True):
        assert single
        assert double == pytest.approx(single, rel=1e-9)
    assert two["weights"] == pytest.approx(one["weights"], rel=1e-9)
    assert two["metrics"] == pytest.approx(one["metrics"], rel=1e-6)
