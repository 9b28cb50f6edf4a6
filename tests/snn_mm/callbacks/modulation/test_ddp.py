"""Two ranks against one process on the union of their batches, for every modulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_training import ranks_of

EVERY_PARAMETER = ["iemf", "ogm_ge", "mslr", "agm", "lfm", "lfm_learnable", "pmr", "pmr_last_step"]
DROPOUT = ["modality_dropout", "modality_dropout_iemf"]
CASES = [
    *EVERY_PARAMETER,
    *DROPOUT,
    "no_joint",
    "no_joint_lfm_window",
    "loss_adjustment",
    "dropped",
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return factors and weights by `<ranks>-<rank>`."""
    script = Path(__file__).with_name("ddp_modulations.py")
    return ranks_of(script, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("case", CASES)
def test_replicas_end_identical_bit_for_bit(records: dict[str, dict[str, Any]], case: str) -> None:
    assert records["2-0"][case] == records["2-1"][case]


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process_on_the_union(
    records: dict[str, dict[str, Any]], case: str
) -> None:
    one, two = records["1-0"][case], records["2-0"][case]
    for single, double in zip(one["factors"], two["factors"], strict=True):
        assert single
        assert double == pytest.approx(single, rel=1e-9)
    assert two["weights"] == pytest.approx(one["weights"], rel=1e-9)


def test_modulations_differ_in_what_they_do(records: dict[str, dict[str, Any]]) -> None:
    weights = {tuple(records["1-0"][case]["weights"]) for case in CASES}
    assert len(weights) == len(CASES)


@pytest.mark.parametrize("ranks", ["1-0", "2-0", "2-1"])
def test_heads_that_no_loss_asks_stay_as_they_are_under_adam_on_every_rank(
    records: dict[str, dict[str, Any]], ranks: str
) -> None:
    start = records[ranks]["start"]["heads"]
    assert records[ranks]["no_joint"]["heads"] == start
    assert records[ranks]["no_joint_lfm_window"]["heads"] != start
