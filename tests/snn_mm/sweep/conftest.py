"""Sweeps whose runs are `fake_fit.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.commands import sweep
from snn_mm.config.trust.packages import VARIABLE
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.grid import make_axes, parse_grid

HERE = Path(__file__).parent
FAKE = (sys.executable, str(HERE / "fake_fit.py"))
sys.path.insert(0, str(HERE))

MakeSweep = Callable[..., Sweep]


@pytest.fixture(autouse=True)
def _nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an experiment in the working directory, which is empty otherwise."""
    monkeypatch.chdir(tmp_path)
    path = Path("toy.yaml")
    path.write_text("model:\n  fusion: Sum\n")
    return path


@pytest.fixture
def make_sweep(experiment: Path) -> MakeSweep:
    """Return a maker of sweeps from grids."""

    def make(*grids: str, seeds: str | None = None, flags: tuple[str, ...] = ()) -> Sweep:
        axes = tuple(make_axes(parse_grid(grids), seeds, "seed_everything"))
        return Sweep("toy-sweep", Path("runs"), (experiment,), axes, flags)

    return make


@pytest.fixture
def run_sweep(experiment: Path) -> Callable[..., int]:
    """Return a runner of `snnmm sweep toy.yaml` with fake runs, in this process."""
    return lambda *flags: sweep.run(["sweep", str(experiment), *flags], FAKE)


@pytest.fixture
def background(experiment: Path) -> Callable[..., object]:
    """Return a starter of sweeps that can be killed."""
    from sweep_process import SweepProcess

    return SweepProcess
