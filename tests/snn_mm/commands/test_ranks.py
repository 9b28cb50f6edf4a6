"""Two ranks through the command line: what one of them does, the other must know."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from toy_ranks import Outcome, Ranks

from snn_mm.commands.ranks import first_loss
from snn_mm.run import RunDirectory
from snn_mm.run.ranks import MISTAKE, RankWatch

RANKS = Path(__file__).parents[1] / "toy" / "ranks.yaml"


def command(root: Path, *flags: str, run_id: str = "a") -> list[str]:
    place = ("--run.root", str(root), "--run.id", run_id)
    return ["fit", "--config", str(RANKS), *place, *flags]


def train(root: Path, *flags: str, kill: dict[int, str] | None = None) -> list[Outcome]:
    return start([command(root, *flags)], root, kill)


def start(
    argvs: list[list[str]], root: Path, kill: dict[int, str] | None = None, **variables: str
) -> list[Outcome]:
    environment = {
        rank: {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), **variables}
        for rank in range(2)
    }
    for rank, moment in (kill or {}).items():
        environment[rank]["TOY_KILL"] = moment
    return Ranks(argvs, root / "said", environment).wait()


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


def test_a_rank_that_noticed_a_loss_does_not_tell_the_others_of_its_broken_collective(
    tmp_path: Path,
) -> None:
    broken = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")
    watches = [RankWatch(RunDirectory(tmp_path), rank, "now", print) for rank in range(3)]
    cli: Any = SimpleNamespace(command=None)
    with watches[0], watches[1], watches[2]:
        watches[1].fail("a clip is corrupt", MISTAKE)
        for rank in (0, 2):
            loss = first_loss(broken, watches[rank], cli)
            assert loss is not None
            assert loss.message == "rank 1: a clip is corrupt"
            assert watches[1].lost() is None


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


AMID = (
    *("--data.loader", "{batch_size: 2, num_workers: 2}", "--run.save_every_steps", "2"),
    *("--model.encoders.audio", "toy_experiment.ToyEncoder", "--trainer.accumulate_grad_batches"),
    *("2", "--trainer.callbacks+", "FactorTracker"),
)
"""Six batches an epoch, in three steps; dropout, workers, and what gathers over an epoch."""


def end_of(root: Path) -> tuple[dict[str, Any], bytes, bytes, dict[str, torch.Tensor]]:
    run = RunDirectory(root / "toy" / "a")
    found = results(root)
    assert found.pop("train_seconds") > 0
    factors = (run.path / "factors.csv").read_bytes()
    weights = torch.load(run.last, weights_only=True)["state_dict"]
    return found, run.metrics.read_bytes(), factors, weights


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "codes"),
    [
        ({0: "on_train_batch_start:11:SIGKILL", 1: "on_train_batch_start:11:SIGKILL"}, [-9, -9]),
        ({1: "on_train_batch_start:8:SIGTERM"}, [143, 143]),
        ({1: "on_validation_batch_start:4:SIGTERM"}, [143, 143]),
    ],
)
def test_two_ranks_go_on_amid_an_epoch_to_the_same_end(
    kill: dict[int, str], codes: list[int], tmp_path: Path
) -> None:
    """Both are killed; or one is asked to end amid an epoch, or amid the validation after it."""
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    assert [each.code for each in train(cut, *AMID, kill=kill)] == codes
    last = torch.load(cut / "toy" / "a" / "checkpoints" / "last.ckpt", weights_only=True)
    assert 3 < last["global_step"] < 6, "amid the second epoch"
    again = ["fit", "--resume", str(cut / "toy" / "a")]
    assert [each.code for each in start([again], cut)] == [0, 0]
    assert [each.code for each in train(whole, *AMID)] == [0, 0]
    *cut_end, weights = end_of(cut)
    *whole_end, expected = end_of(whole)
    assert cut_end == whole_end
    assert all(weights[name].equal(value) for name, value in expected.items())


SLURM = {"SLURM_JOB_ID": "71", "SLURM_JOB_NAME": "toy", "SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"}
TASKS = {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_NODELIST": "localhost"}


@pytest.mark.slow
def test_ranks_of_slurm_save_their_state_and_are_queued_again_before_the_limit(
    tmp_path: Path,
) -> None:
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text('#!/bin/bash\necho "$@" >> "$0.said"\n')
    scontrol.chmod(0o755)
    path = f"{scontrol.parent}:{os.environ['PATH']}"
    near = dict.fromkeys(range(2), "on_train_batch_start:8:SIGUSR1")
    outcomes = start([command(tmp_path, *AMID)], tmp_path, near, PATH=path, **SLURM, **TASKS)
    assert [each.code for each in outcomes] == [143, 143], outcomes[0].err
    assert scontrol.with_name("scontrol.said").read_text() == "requeue 71\n"
    assert results(tmp_path)["status"] == "interrupted"
    run = RunDirectory(tmp_path / "toy" / "a")
    assert torch.load(run.last, weights_only=True)["global_step"] == 4
    assert not list(run.path.glob("hpc_ckpt*"))
