import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from snn_mm.run.stop_request import StopRequest


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What writes its arguments beside itself, instead of SLURM's own."""
    program = tmp_path / "scontrol"
    program.write_text('#!/bin/bash\necho "$@" >> "$0.said"\nexit "${CODE:-0}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    return program.with_name("scontrol.said")


def test_sigterm_asks_for_a_stop_and_for_nothing_else(scontrol: Path) -> None:
    stop = StopRequest()
    stop.listen(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert (stop.is_made, stop.wants_requeue) == (True, False)
    stop.requeue()
    assert not scontrol.exists()


def test_the_signal_ahead_of_the_limit_queues_the_job_again_once(
    scontrol: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    stop = StopRequest()
    stop.listen(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert stop.is_made
    stop.requeue()
    stop.requeue()
    assert scontrol.read_text() == "requeue 7_2\n"


def test_a_job_that_can_not_be_queued_again_is_told(
    scontrol: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(scontrol.parent / "nowhere"))
    stop = StopRequest()
    stop.is_made = stop.wants_requeue = True
    stop.requeue()
    said = capsys.readouterr().err
    assert "scontrol requeue 8: " in said
    assert "submit it again" in said
