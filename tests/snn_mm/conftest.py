"""A network small enough to check by hand: linear encoders without neurons or batch norm."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule
from torchmetrics import Metric

from snn_mm.cli import main
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat, FusionFactory
from snn_mm.modules import IEMFModule
from snn_mm.run import RunDirectory

sys.path.insert(0, str(Path(__file__).parent / "toy"))

from toy_training import LinearEncoder

TOY = Path(__file__).parent / "toy"
"""A small experiment and what trains it, importable here and in processes that tests start."""

DIMS = {"audio": 3, "visual": 5}


@pytest.fixture
def no_sync_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what Lightning would warn of on several ranks: plain numbers without `sync_dist`."""
    log = LightningModule.log

    def checked(module: LightningModule, name: str, value: Any, **options: Any) -> None:
        assert options.get("sync_dist") or isinstance(value, Metric), name
        log(module, name, value, **options)

    monkeypatch.setattr(LightningModule, "log", checked)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_encoders() -> Callable[[dict[str, int]], dict[str, Encoder]]:
    """Linear encoders with the given time steps by modality."""

    def make(steps: dict[str, int]) -> dict[str, Encoder]:
        return {name: LinearEncoder(DIMS[name], time_steps=count) for name, count in steps.items()}

    return make


@pytest.fixture
def make_module() -> Callable[..., IEMFModule]:
    def make(
        fusion: FusionFactory = Concat, dims: dict[str, int] = DIMS, **options: object
    ) -> IEMFModule:
        encoders: dict[str, Encoder] = {name: LinearEncoder(dim) for name, dim in dims.items()}
        return IEMFModule(encoders, fusion, num_classes=3, **options).double()

    return make


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    def make(size: int, dims: dict[str, int] = DIMS) -> Batch:
        generator = torch.Generator().manual_seed(size)
        inputs = {
            name: torch.randn(size, dim, generator=generator, dtype=torch.float64)
            for name, dim in dims.items()
        }
        target = torch.randint(3, (size,), generator=generator)
        return {"inputs": inputs, "target": target, "id": [str(i) for i in range(size)]}

    return make


Train = Callable[..., RunDirectory]


@pytest.fixture(scope="session")
def toy_config() -> Path:
    return TOY / "toy.yaml"


@pytest.fixture(scope="session")
def quickstart() -> Path:
    return TOY.parents[2] / "experiments" / "quickstart.yaml"


@pytest.fixture(scope="session", autouse=True)
def _toy_is_importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")]))
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
