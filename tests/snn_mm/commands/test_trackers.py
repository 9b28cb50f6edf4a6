"""`_base/trackers.yaml` on top of an experiment, and its files after a kill and a resume."""

import multiprocessing
import signal
from pathlib import Path

import pytest

from snn_mm.cli import main
from snn_mm.run import RunDirectory

TRACKERS = Path(__file__).parents[3] / "experiments" / "_base" / "trackers.yaml"
KILLS = ["on_train_batch_end:8", "on_validation_end:2", "on_train_epoch_start:3", "on_fit_end:1"]


def command(config: Path, root: Path) -> list[str]:
    configs = ["--config", str(config), "--config", str(TRACKERS)]
    return ["fit", *configs, "--run.root", str(root), "--run.id", "a", "--run.name", "toy"]


def tables(root: Path) -> list[bytes]:
    return [(root / "toy" / "a" / name).read_bytes() for name in ("factors.csv", "metrics.csv")]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> list[bytes]:
    root = tmp_path_factory.mktemp("uninterrupted")
    assert main(command(toy_config, root)) == 0
    return tables(root)


def test_trackers_join_the_callbacks_of_the_experiment(uninterrupted: list[bytes]) -> None:
    factors, metrics = (table.decode() for table in uninterrupted)
    assert factors.startswith("step,epoch,name,value")
    assert factors.count(",iemf/xi,") == factors.count(",gradient_norm/fusion,") == 15
    assert "gradient_norm/audio" in metrics.splitlines()[0]


@pytest.mark.parametrize("moment", KILLS)
def test_a_killed_run_ends_with_the_same_tables(
    moment: str, tmp_path: Path, toy_config: Path, uninterrupted: list[bytes]
) -> None:
    from toy_experiment import run_and_die

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["toy_experiment"])
    arguments = (command(toy_config, tmp_path), f"{moment}:SIGKILL")
    process = context.Process(target=run_and_die, args=arguments)
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    run = RunDirectory(tmp_path / "toy" / "a")
    assert main(["fit", "--resume", str(run.path)]) == 0
    assert tables(tmp_path) == uninterrupted
    assert (run.figures / "factors.png").is_file()
