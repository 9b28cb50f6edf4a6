"""Every class-incremental experiment learns two tasks, on features in AV-CIL's layout."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from snn_mm.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "datamodules" / "av_cil"))

import av_cil_data

FOLDER = Path(__file__).parents[2] / "experiments"
REPLAYS = ("ssil", "avcil_digits")
METHODS, DATA = (("lwf",), ("ssil",), ()), ("ave", "ks", "vs100")
SMALL = [
    "--data.classes_per_task=2",
    "--data.epochs_per_task=1",
    f"--data.audio_dim={av_cil_data.AUDIO_DIM}",
    f"--data.visual_shape={list(av_cil_data.VISUAL_SHAPE)}",
    "--data.loader.batch_size=4",
    "--data.loader.num_workers=0",
    "--model.num_classes=4",
    "--model.classes_per_task=2",
    f"--model.trunk.audio_dim={av_cil_data.AUDIO_DIM}",
    f"--model.trunk.visual_dim={av_cil_data.VISUAL_SHAPE[1]}",
    "--model.trunk.feature_dim=6",
    "--trainer.max_epochs=2",
    "--trainer.accelerator=cpu",
]
SWITCHED = [
    ("ave", ("without_iemf",)),
    ("ks", ("released_avcil",)),
    ("ave", ("spiking_trunk",)),
    ("ks", ("ssil", "released", "spiking_trunk")),
    ("ave", ("lwf", "released")),
    ("ave", ("finetune",)),
    ("ave", ("joint",)),
]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of AV-CIL with four classes."""
    return av_cil_data.write(tmp_path_factory.mktemp("av_cil") / "AVE")


def learn(data: str, switches: tuple[str, ...], features: Path, root: Path) -> Any:
    """Learn both tasks; the results and the matrix."""
    switched = [FOLDER / "_base" / "continual" / f"{switch}.yaml" for switch in switches]
    configs = [f"--config={path}" for path in (FOLDER / f"iemf_{data}_ci.yaml", *switched)]
    place = [f"--run.root={root}", "--run.name=run", "--run.id=one", f"--data.data_dir={features}"]
    replays = not {"lwf", "finetune", "joint"} & set(switches)
    memory = ["--data.memory=4", "--data.exemplar_batch=4"] if replays else []
    assert main(["fit", *configs, *SMALL, *memory, *place]) == 0
    run = root / "run" / "one"
    with (run / "matrix.csv").open() as file:
        return json.loads((run / "results.json").read_text()), list(csv.reader(file))


# Experiments on the other two data sets differ in numbers alone, and each costs a training.
RUNS = [
    pytest.param(data, method, marks=[] if data == DATA[0] else pytest.mark.slow)
    for method in METHODS
    for data in DATA
]


@pytest.mark.parametrize(("data", "method"), RUNS, ids=str)
def test_an_experiment_learns_its_tasks(
    data: str, method: tuple[str, ...], features: Path, tmp_path: Path
) -> None:
    results, matrix = learn(data, method, features, tmp_path)
    assert results["status"] == "finished"
    assert 0 <= results["test"]["test/average_incremental_accuracy"] <= 1
    assert [len([cell for cell in row if cell]) for row in matrix] == [3, 2, 3]
    assert main(["analyse", "classes", str(tmp_path), f"--out={tmp_path}"]) == 0
    shares = (tmp_path / "classes.csv").read_text().splitlines()
    assert shares[-1].endswith(f"{100 * results['test']['test/accuracy/fused']:.1f},")


@pytest.mark.parametrize(("data", "switches"), SWITCHED, ids=str)
def test_it_learns_with_every_switch(
    data: str, switches: tuple[str, ...], features: Path, tmp_path: Path
) -> None:
    results, _ = learn(data, switches, features, tmp_path)
    assert results["status"] == "finished"
    spiking = any(key.startswith("test/firing_rate/") for key in results["test"])
    assert spiking == ("spiking_trunk" in switches)


@pytest.mark.parametrize(
    ("method", "update"),
    [
        ("finetune", "with_iemf"),
        ("joint", "without_iemf"),
        ("lwf", "with_iemf"),
        ("ssil", "without_iemf"),
        ("avcil_digits", "with_iemf"),
    ],
)
def test_digits_are_learned_in_tasks_by_every_method(
    method: str, update: str, fsdd_dir: Path, nmnist_dir: Path, tmp_path: Path
) -> None:
    files = ["incremental_digits", f"_base/continual/{method}", f"_base/continual/{update}"]
    configs = [f"--config={FOLDER / file}.yaml" for file in files]
    data = [f"--data.data.root={fsdd_dir.parent}", f"--data.data.nmnist_dir={nmnist_dir}"]
    data += ["--data.data.val_fraction=0.25", "--data.data.loader.batch_size=4"]
    data += ["--data.epochs_per_task=1"]
    data += ["--data.memory=16", "--data.exemplar_batch=4"] if method in REPLAYS else []
    place = [f"--run.root={tmp_path}", "--run.name=run", "--run.id=one"]
    short = ["--trainer.max_epochs=5", "--trainer.accelerator=cpu"]
    assert main(["fit", *configs, *data, *place, *short]) == 0
    results = json.loads((tmp_path / "run" / "one" / "results.json").read_text())
    assert {f"test/accuracy/task_{j}" for j in range(5)} <= results["test"].keys()
