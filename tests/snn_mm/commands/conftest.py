"""The toy experiment of this folder, importable here and in the processes that tests start."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snn_mm.cli import main
from snn_mm.run import RunDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

Train = Callable[..., RunDirectory]


@pytest.fixture(scope="session")
def toy_config() -> Path:
    return HERE / "toy.yaml"


@pytest.fixture(scope="session")
def quickstart() -> Path:
    return HERE.parents[2] / "experiments" / "quickstart.yaml"


@pytest.fixture(scope="session", autouse=True)
def _toy_is_importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture
def train(tmp_path: Path, toy_config: Path) -> Train:
    """Train the toy with flags; return its run directory."""

    def start(*flags: str, run_id: str = "a", code: int = 0) -> RunDirectory:
        place = ("--run.root", str(tmp_path), "--run.id", run_id)
        assert main(["fit", "--config", str(toy_config), *place, *flags]) == code
        return RunDirectory(tmp_path / "toy" / run_id)

    return start


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that ends in a user's mistake; return its message."""

    def start(*argv: str) -> str:
        assert main(list(argv)) == 2
        message = capsys.readouterr().err
        assert "Traceback" not in message
        assert len(message.splitlines()) <= 5
        return message

    return start
