import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.run import ranks
from snn_mm.run.directory import RunDirectory, write_json
from snn_mm.run.lock_mark import describe_process
from snn_mm.run.ranks import BUG, MISTAKE, Loss, RankWatch, attempt_name, is_broken_collective


def watch(folder: Path, rank: int, attempt: str = "now") -> RankWatch:
    return RankWatch(RunDirectory(folder), rank, attempt, end=lambda loss: None)


def test_the_first_failure_of_the_others_is_the_reason(tmp_path: Path) -> None:
    with watch(tmp_path, 0) as own, watch(tmp_path, 1) as one, watch(tmp_path, 2) as two:
        assert own.lost() is None
        two.fail("a clip is corrupt", MISTAKE)
        one.fail("TypeError: a slip", BUG)
        own.fail("its own", BUG)
        loss = own.lost()
        assert loss is not None
        assert (loss.message, loss.code) == ("rank 2: a clip is corrupt", MISTAKE)


def test_ranks_that_come_to_an_end_leave_nothing_and_are_not_missed(tmp_path: Path) -> None:
    with watch(tmp_path, 0) as own:
        with watch(tmp_path, 1):
            assert own.lost() is None
        assert own.lost() is None
    assert not list(tmp_path.iterdir())


def test_a_failure_of_an_earlier_attempt_is_none_of_this_one(tmp_path: Path) -> None:
    with watch(tmp_path, 1, "before") as earlier:
        earlier.fail("a power cut", BUG)
    with watch(tmp_path, 0) as own:
        assert own.lost() is None


def test_a_rank_that_is_gone_without_a_word_is_named(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = tmp_path / ".ranks" / "3.json"
    mark.parent.mkdir()
    write_json(mark, {"attempt": "now", "process": describe_process(gone.pid)})
    with watch(tmp_path, 0) as own:
        assert own.lost() is None
        gone.kill()
        gone.wait()
        loss = own.lost()
        assert loss is not None
        assert loss.message.startswith(f"rank 3 (process {gone.pid}) is gone without a word")
        there = json.loads(mark.read_text())
        there["process"]["host"] = "another machine"  # nothing is known of its processes
        write_json(mark, there)
        assert own.lost() is None


def test_a_rank_of_another_machine_is_named_once_it_gives_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "POLL_SECONDS", 0.01)
    far = watch(tmp_path, 1)
    far._mark["process"]["host"] = "node7"
    with watch(tmp_path, 0) as own:
        assert own.silent() is None
        with far:
            assert own.silent() is None  # it waits for a sign, which comes
            far._left.set()  # a dead one does not leave, but gives no further sign
            monkeypatch.setattr(ranks, "SIGN_SECONDS", 0.3)
            loss = wait_for(own.silent)
        assert loss.message == f"rank 1 (process {os.getpid()} on node7) gives no sign of life"


def wait_for(silent: Callable[[], Loss | None]) -> Loss:
    """The loss that comes once a last sign is over."""
    return next(filter(None, iter(silent, ...)))


def test_who_does_not_leave_by_itself_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(ranks, "GRACE_SECONDS", 0.01)
    ended, seen, told = threading.Event(), list[Loss](), list[int]()

    def end(loss: Loss) -> None:
        seen.append(loss)
        ended.set()

    own = RankWatch(RunDirectory(tmp_path), 0, "now", end, told.append)
    with watch(tmp_path, 1) as other, own:
        other.fail("no space left", BUG)
        assert ended.wait(60)
    assert [loss.message for loss in seen] == ["rank 1: no space left"]
    assert told == [os.getpid()]


def test_an_attempt_has_one_name_for_its_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SNN_MM_ATTEMPT", "SLURM_STEP_ID", "TORCHELASTIC_USE_AGENT_STORE"):
        monkeypatch.delenv(name, raising=False)
    first = attempt_name()
    assert os.environ["SNN_MM_ATTEMPT"] == first == attempt_name()
    for name, value in (("SLURM_JOB_ID", "7"), ("SLURM_STEP_ID", "0")):
        monkeypatch.setenv(name, value)
    begun = attempt_name()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert attempt_name() not in (first, begun)


@pytest.mark.parametrize(
    ("message", "is_broken"),
    [
        ("[../third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer", True),
        ("NCCL communicator was aborted on rank 1.", True),
        ("Application timeout caused pair closure", True),
        ("mat1 and mat2 shapes cannot be multiplied (8x4 and 5x6)", False),
    ],
)
def test_a_broken_collective_is_told_from_other_errors(message: str, is_broken: bool) -> None:
    assert is_broken_collective(RuntimeError(message)) == is_broken
    assert not is_broken_collective(ValueError(message))
