"""Every sentiment experiment and baseline trains on feature files in their real layout."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snn_mm.cli import main
from snn_mm.sweep.request import read_request

FOLDER = Path(__file__).parents[2] / "experiments"
SWEEPS = FOLDER / "sweeps"
ROWS = {
    "sims": read_request(SWEEPS / "sgmt_table1_sims.yaml").rows["row"],
    "mosei": read_request(SWEEPS / "sgmt_table2_mosei.yaml").rows["row"],
    "mosi_utterances": read_request(SWEEPS / "sentiment_mosi.yaml").rows["row"],
    "pom": read_request(SWEEPS / "sentiment_pom.yaml").rows["row"],
}
SIMS = {"text": (50, 768), "audio": (925, 25), "vision": (232, 177)}
FILES = {
    "sims": ("ch-simsv2s.pkl", SIMS),
    "mosei": ("aligned_50.pkl", {"text": (50, 768), "audio": (50, 74), "vision": (50, 35)}),
    "mosi": ("aligned_50.pkl", {"text": (50, 768), "audio": (50, 5), "vision": (50, 20)}),
}
ERROR = "test/mae/fused"
NARROW = ["--model.width=8", "--model.heads=2", "--model.layers=1", "--model.fusion_layers=1"]
SGMT = [
    ("sims", (), "text,audio,visual"),
    ("mosei", (), "text,audio,visual"),
    ("mosi", (), "text,audio,visual"),
    ("sims", ("ann",), "text"),
    ("sims", (), "audio"),
    ("mosi", (), "visual"),
]


def split(part: str, sizes: dict[str, tuple[int, int]], samples: int, own: bool) -> dict[str, Any]:
    """One split of a feature file; lengths are short, so that a step takes little time."""
    rng = np.random.default_rng(samples)
    made: dict[str, Any] = {
        name: rng.normal(size=(samples, *size)).astype(np.float32) for name, size in sizes.items()
    }
    mask = np.arange(sizes["text"][0]) < rng.integers(3, 8, (samples, 1))
    made["text_bert"] = np.stack([mask, mask, 0 * mask], axis=1).astype(np.float32)
    for name in ("audio", "vision"):
        made[f"{name}_lengths"] = rng.integers(3, 20, samples)
    for key in ("", *(("_T", "_A", "_V") if own else ())):
        made[f"regression_labels{key}"] = rng.uniform(-1, 1, samples)
    made["id"] = [f"{part}{i}" for i in range(samples)]
    made["raw_text"] = ["text"] * samples
    return made


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the feature file of each data set lies."""
    made = {}
    for name, (file, sizes) in FILES.items():
        made[name] = tmp_path_factory.mktemp(name)
        counts = {"train": 6, "valid": 3, "test": 3}
        content = {key: split(key, sizes, n, name == "sims") for key, n in counts.items()}
        (made[name] / file).write_bytes(pickle.dumps(content))
    return made


def train(data: str, pieces: tuple[str, ...], flags: list[str], root: Path, runs: Path) -> Any:
    """Train one step, validate and test; what the test measured."""
    paths = [FOLDER / f"sgmt_{data}", *(FOLDER / "_base" / piece for piece in pieces)]
    configs = [f"--config={path}.yaml" for path in paths]
    place = [f"--run.root={runs}", "--run.name=run", "--run.id=one", f"--data.root={root}"]
    small = ["--trainer.max_epochs=1", "--data.loader.batch_size=3", "--trainer.accelerator=cpu"]
    files = [flag for flag in flags if flag.startswith("--config=")]
    keys = [flag for flag in flags if flag not in files]
    assert main(["fit", *configs, *files, *place, *keys, *small]) == 0
    record = json.loads((runs / "run" / "one" / "results.json").read_text())
    assert record["status"] == "finished"
    return record["test"]


@pytest.mark.parametrize(("data", "switches", "modalities"), SGMT, ids=str)
def test_sgmt_trains_and_tests(
    data: str, switches: tuple[str, ...], modalities: str, roots: dict[str, Path], tmp_path: Path
) -> None:
    pieces = tuple(f"sgmt/{switch}" for switch in switches)
    flags = [*NARROW, f"--model.modalities=[{modalities}]"]
    tested = train(data, pieces, flags, roots[data], tmp_path)
    assert tested[ERROR] > 0
    assert any(name.startswith("test/firing_rate/") for name in tested) == ("ann" not in switches)


# Settings for MOSEI differ in numbers alone, and each costs a training.
BASELINE_RUNS = [
    pytest.param(data, row, marks=[pytest.mark.slow] if data == "mosei" else [])
    for data in ("sims", "mosei")
    for row in ROWS[data]
    if row != "spiking"
]


@pytest.mark.parametrize(("data", "row"), BASELINE_RUNS)
def test_a_baseline_trains_and_tests_in_sgmts_place(
    data: str, row: str, roots: dict[str, Path], tmp_path: Path
) -> None:
    tested = train(data, (), list(ROWS[data][row]), roots[data], tmp_path)
    assert tested[ERROR] > 0
    assert ("test/mae/audio" in tested) == row.startswith(("mlf", "mlmf"))


def test_mtfn_trains_on_both(roots: dict[str, Path], tmp_path: Path) -> None:
    assert train("sims", ("baselines/mtfn",), [], roots["sims"], tmp_path)["test/mae/audio"] > 0


@pytest.fixture(scope="module")
def small_roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """POM and CMU-MOSI utterances in their real layout, with few clips."""
    root, rng = tmp_path_factory.mktemp("small"), np.random.default_rng(0)
    (root / "pom").mkdir()
    for part in ("train", "valid", "test"):
        for stem, shape in {"audio": (20, 43), "video": (20, 41), "y": (17,)}.items():
            with h5py.File(root / "pom" / f"{stem}_{part}.h5", "w") as file:
                file["d1"] = rng.uniform(1, 7, (6, *shape))
    utterances = [f"video{video}_{number}" for video in range(6) for number in (1, 2, 10)]
    write_rows(root / "mosi/transcripts.csv", [[name, "WORDS", 1, 1] for name in utterances])
    for part, rows in {"train": range(9), "test": range(9, 18)}.items():
        write_rows(root / f"mosi/text_{part}.csv", [[row, 0.5] for row in rows])
        for stem, width in {"text": 100, "audio": 73, "video": 100}.items():
            table = [[*rng.normal(size=width), 1] for _ in rows]
            write_rows(root / f"mosi/{stem}/{stem}_{part}0.csv", table)
    return {"pom": root, "mosi_utterances": root}


def write_rows(path: Path, rows: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


SMALL_RUNS = [
    *(("pom", (), row) for row in ROWS["pom"] if row != "text_only"),
    ("mosi_utterances", (), "text_only"),
    ("mosi_utterances", ("mosi_past",), "ann"),
    ("mosi_utterances", ("mosi_past",), "mult"),
]


@pytest.mark.parametrize(("data", "pieces", "row"), SMALL_RUNS, ids=str)
def test_rows_of_the_sweeps_train_and_test_on_small_data(
    data: str, pieces: tuple[str, ...], row: str, small_roots: dict[str, Path], tmp_path: Path
) -> None:
    flags = list(ROWS[data][row])
    flags += ["--model.max_lengths={text: 3, audio: 3, visual: 3}"] if pieces else []
    assert train(data, pieces, flags, small_roots[data], tmp_path)[ERROR] > 0


def test_data_without_labels_by_modality_are_refused_where_heads_need_them(
    roots: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [f"--run.root={tmp_path}", f"--data.root={roots['mosei']}", *NARROW]
    config = f"--config={FOLDER / 'sgmt_mosei.yaml'}"
    assert main(["fit", config, *place, "--model.labels=own"]) == 2
    assert "no labels of audio, text, visual" in capsys.readouterr().err
