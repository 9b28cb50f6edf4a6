"""Runs of the toy experiment, trained once a file and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.cli import main

TrainSeeds = Callable[[dict[str, list[str]]], Path]


@pytest.fixture(scope="module")
def train_seeds(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> TrainSeeds:
    """Train an epoch of two seeds for each kind, named with its flags; return their folder."""

    def train(kinds: dict[str, list[str]]) -> Path:
        root = tmp_path_factory.mktemp("runs")
        for name, own in kinds.items():
            for seed in (0, 1):
                places = ["--run.root", str(root), "--run.id", f"{name}-{seed}"]
                flags = [*places, "--seed_everything", str(seed), "--trainer.max_epochs=1", *own]
                assert main(["fit", "--config", str(toy_config), *flags]) == 0
        return root / "toy"

    return train


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """Runs to write into."""
    return Path(shutil.copytree(trained, tmp_path / "toy"))
