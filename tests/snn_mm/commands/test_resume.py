"""A run that is killed anywhere and resumed ends exactly as one that was not."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from toy_experiment import run_and_die  # noqa: E402

from snn_mm.cli import main  # noqa: E402
from snn_mm.run import RunDirectory  # noqa: E402

KILLS = {
    "before the first checkpoint": "on_train_batch_start:3:SIGKILL",
    "first step of an epoch": "on_train_batch_start:6:SIGKILL",
    "middle of an epoch": "on_train_batch_end:8:SIGKILL",
    "in a backward pass": "on_after_backward:9:SIGKILL",
    "in validation": "on_validation_batch_start:8:SIGKILL",
    "after validation": "on_validation_end:2:SIGKILL",
    "end of an epoch": "on_train_epoch_end:2:SIGKILL",
    "between epochs": "on_train_epoch_start:3:SIGKILL",
    "after training": "on_fit_end:1:SIGKILL",
    "in the final test": "on_test_batch_start:2:SIGKILL",
}


def command(root: Path, *flags: str) -> list[str]:
    place = ("--run.root", str(root), "--run.id", "a")
    return ["fit", "--config", str(HERE / "toy.yaml"), *place, *flags]


def outcome(root: Path) -> tuple[dict[str, Any], str]:
    """What must not differ: the results and every logged metric."""
    run_directory = RunDirectory(root / "toy" / "a")
    return json.loads(run_directory.results.read_text()), run_directory.metrics.read_text()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    root = tmp_path_factory.mktemp("uninterrupted")
    assert main(command(root)) == 0
    return outcome(root)


@pytest.fixture(scope="module")
def die() -> Callable[[list[str], str], int]:
    """Run a command in a process that is killed on the way; return its exit code."""
    # A server that has imported everything once and forks; it finds modules by PYTHONPATH alone.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["toy_experiment"])

    def start(argv: list[str], kill: str) -> int:
        process = context.Process(target=run_and_die, args=(argv, kill))
        process.start()
        process.join(timeout=60)
        assert process.exitcode is not None
        return process.exitcode

    return start


@pytest.mark.parametrize("kill", KILLS.values(), ids=list(KILLS))
def test_a_killed_run_resumes_to_the_same_end(
    kill: str,
    tmp_path: Path,
    uninterrupted: tuple[dict[str, Any], str],
    die: Callable[[list[str], str], int],
) -> None:
    assert die(command(tmp_path), kill) == -signal.SIGKILL
    assert json.loads((tmp_path / "toy/a/results.json").read_text())["status"] == "running"
    assert main(["fit", "--resume", str(tmp_path / "toy" / "a")]) == 0
    assert outcome(tmp_path) == uninterrupted
