"""A toy, trained once: see `tests/snn_mm/toy/toy_experiment.py`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snn_mm.cli import main

TOY = Path(__file__).parents[2] / "toy"
SPIKING = "{class_path: toy_experiment.ToySpikes}"


@pytest.fixture(scope="package", autouse=True)
def _toy_is_importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory, _toy_is_importable: None) -> Path:
    """Return a run whose audio encoder spikes."""
    root = tmp_path_factory.mktemp("runs")
    flags = ["--run.root", str(root), "--run.id", "trained", "--trainer.max_epochs", "2"]
    flags += [f"--model.encoders.audio={SPIKING}", "--seed_everything=3"]
    assert main(["fit", "--config", str(TOY / "toy.yaml"), *flags]) == 0
    return root / "toy" / "trained"


@pytest.fixture
def make_run(trained: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a maker of copies of the trained run, of which nothing is measured yet."""

    def make(name: str) -> Path:
        ignored = shutil.ignore_patterns("robustness")
        return Path(shutil.copytree(trained, tmp_path / "toy" / name, ignore=ignored))

    return make
