"""Two ranks through the command line: what one of them does, the other must know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_ranks import Outcome, Ranks

RANKS = Path(__file__).parents[1] / "toy" / "ranks.yaml"


def command(root: Path, *flags: str, run_id: str = "a") -> list[str]:
    place = ("--run.root", str(root), "--run.id", run_id)
    return ["fit", "--config", str(RANKS), *place, *flags]


def train(root: Path, *flags: str, kill: dict[int, str] | None = None) -> list[Outcome]:
    environment = {rank: {"TOY_KILL": moment} for rank, moment in (kill or {}).items()}
    return Ranks([command(root, *flags)], root / "said", environment).wait()


def results(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "toy" / "a" / "results.json").read_text())
    return found


def test_a_rank_whose_data_raise_ends_the_other_with_its_reason(tmp_path: Path) -> None:
    first, second = train(tmp_path, "--data.fails_on", "1")
    assert (first.code, second.code) == (2, 2)
    reason = "clip 'three.wav' is corrupt"
    assert second.err.splitlines()[-1] == f"snnmm: error: {reason}"
    assert first.err.splitlines()[-1] == f"snnmm: error: rank 1: {reason}"
    assert (results(tmp_path)["status"], results(tmp_path)["error"]) == (
        "failed",
        f"rank 1: {reason}",
    )
    assert "Traceback" not in first.err + second.err


def test_a_rank_that_is_killed_ends_the_other_which_says_so(tmp_path: Path) -> None:
    first, second = train(tmp_path, kill={1: "on_train_batch_start:5:SIGKILL"})
    assert (first.code, second.code) == (1, -9)
    assert "rank 1" in results(tmp_path)["error"]
    assert "is gone without a word" in results(tmp_path)["error"]
    assert results(tmp_path)["error"] in first.err
    assert "Traceback" not in first.err


@pytest.mark.parametrize(
    ("streamed", "said"),
    [
        ("false", "rank 0 3, rank 1 2"),
        ("true", "1 of 2 ranks have no training batch after batch 2"),
    ],
)
def test_ranks_of_uneven_batches_end_and_say_so(tmp_path: Path, streamed: str, said: str) -> None:
    data = ("--data", "toy_ranks.UnevenData", "--data.streamed", streamed)
    sampler = ("--trainer.use_distributed_sampler", "false")
    outcomes = train(tmp_path, *data, *sampler)
    assert [outcome.code for outcome in outcomes] == [2, 2]
    assert all(said in outcome.err for outcome in outcomes)
    assert said in results(tmp_path)["error"]


@pytest.mark.slow
def test_a_rank_that_does_not_answer_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    argv = command(tmp_path, "--run.rank_timeout_minutes", "0.5")
    ranks = Ranks([argv], tmp_path / "said", {1: {"TOY_KILL": "on_train_batch_start:5:SIGSTOP"}})
    ranks.processes[0].join(300)
    ranks.processes[1].kill()
    assert ranks.wait()[0].code == 2
    assert "--run.rank_timeout_minutes" in results(tmp_path)["error"]
