"""Every shipped experiment trains, tests and leaves a readable run, on small data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from snn_mm.cli import main

FOLDER = Path(__file__).parents[1] / "experiments"
EXPERIMENTS = [path for path in sorted(FOLDER.glob("*.yaml")) if "\nmodel:" in path.read_text()]


def data_of(experiment: Path) -> str:
    """Class of the data module that an experiment uses."""
    part = yaml.safe_load(experiment.read_text())["data"]
    return str(yaml.safe_load((FOLDER / part).read_text())["class_path"])


@pytest.fixture
def small_data(digits_root: str, fsdd_dir: Path, nmnist_dir: Path) -> dict[str, list[str]]:
    """Flags that give each data module small data in the real layout."""
    return {
        "DigitsAV": [f"--data.root={digits_root}"],
        "SpokenDigitsEvents": [
            f"--data.root={fsdd_dir.parent}",
            f"--data.nmnist_dir={nmnist_dir}",
            "--data.val_fraction=0.25",
        ],
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_experiment_fits_and_tests(
    experiment: Path, small_data: dict[str, list[str]], tmp_path: Path
) -> None:
    limits = [f"--trainer.limit_{stage}_batches=2" for stage in ("train", "val", "test")]
    runs = tmp_path / "runs"
    command = ["fit", "--config", str(experiment), f"--run.root={runs}", *limits]
    command += small_data[data_of(experiment)]
    assert main([*command, "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]) == 0
    (results,) = runs.glob(f"{experiment.stem}/*/results.json")
    record = json.loads(results.read_text())
    assert record["status"] == "finished"
    assert 0 <= record["test"]["test/accuracy/fused"] <= 1


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_experiment_is_short_and_says_what_it_is(experiment: Path) -> None:
    lines = experiment.read_text().splitlines()
    assert len(lines) <= 60
    assert lines[0].startswith("# ")
