"""Every shipped experiment takes a measured step on made-up data of the real shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snn_mm.cli import main
from snn_mm.commands.bench.clock import PARTS

FOLDER = Path(__file__).parents[2] / "experiments"
# Of a table nobody knows what its files are.
NONE = ("published", "table")
EXPERIMENTS = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in NONE)

RESNETS = ("iemf_cremad", "iemf_ks", "iemf_us8k", "taaf_cremad", "taaf_ave")
# The others cost seconds each, and what is made up for them is compared with real data elsewhere.
QUICK = ("quickstart", "sgmt_sims")
CASES = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in EXPERIMENTS
]


def small(experiment: str) -> list[str]:
    """Flags that make a step quick: a batch of two, narrow ResNets, no workers."""
    batch = "--data.data.loader" if experiment == "incremental_digits" else "--data.loader"
    flags = [f"{batch}.batch_size=2", f"{batch}.num_workers=0", f"{batch}.persistent_workers=false"]
    if experiment in RESNETS:
        narrow = ("width=4", "channels_last=false")
        flags += [f"--model.encoders.{m}.{flag}" for m in ("audio", "visual") for flag in narrow]
    return [*flags, "--trainer.accelerator=cpu", "--steps=1", "--warmup=1"]


def measure(experiment: str, flags: list[str], folder: Path) -> Any:
    """What `snnmm bench` writes of an experiment."""
    file = folder / "results" / "bench.json"
    assert main(["bench", experiment, *flags, "--json", str(file)]) == 0
    return json.loads(file.read_text())


@pytest.mark.parametrize("experiment", CASES)
def test_an_experiment_is_measured_without_its_data(experiment: str, tmp_path: Path) -> None:
    found = measure(experiment, small(experiment), tmp_path)
    assert found["data"] == "made up"
    assert found["batch_size"] == 2
    parts = sum(found["seconds"][part]["median"] for part in PARTS)
    assert parts == pytest.approx(found["seconds"]["step"]["median"])
    assert 0 < found["floor_layers"] <= found["layers"]
