"""A toy, trained once: see `tests/snn_mm/toy/toy_experiment.py`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from snn_mm.cli import main


@pytest.fixture
def toy_data() -> object:
    return import_module("toy_experiment").ToyData()


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    flags = ["--run.root", str(root), "--run.id", "trained", "--trainer.max_epochs", "1"]
    assert main(["fit", "--config", str(toy_config), *flags]) == 0
    return root / "toy" / "trained"


@pytest.fixture
def make_run(trained: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a maker of copies of the trained run, without any landscape."""

    def make(name: str) -> Path:
        ignored = shutil.ignore_patterns("landscape")
        return Path(shutil.copytree(trained, tmp_path / "toy" / name, ignore=ignored))

    return make
