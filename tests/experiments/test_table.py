"""A table of one's own becomes a report over folds, by the lines that docs/data.md prints."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from snn_mm.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text()
EMOTIONS = ("angry", "calm", "sad")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return features of six speakers in the working directory; some samples lack the face."""
    monkeypatch.chdir(tmp_path)
    rng, rows = np.random.default_rng(0), []
    for number in range(6 * len(EMOTIONS) * 4):
        speaker, k = divmod(number // 4, len(EMOTIONS))
        np.save(f"v{number}.npy", 3 * np.eye(3)[k] + rng.normal(0, 1, 3))
        np.save(f"s{number}.npy", 3 * np.eye(3)[k] + rng.normal(0, 1, (4 + number % 3, 3)))
        cells = f"v{number}.npy", "" if number % 7 == 3 else f"s{number}.npy"
        rows.append((f"a{number}", EMOTIONS[k], f"speaker{speaker}", *cells))
    with Path("samples.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "label", "group", "face", "speech"), *rows])
    return tmp_path


def test_the_lines_of_the_page_lead_to_a_report_over_folds(table: Path) -> None:
    lines = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert lines is not None
    assert len(lines[1].splitlines()) <= 10
    Path("mine.yaml").write_text(lines[1])
    place = ["--run.name=mine", "--trainer.accelerator=cpu", "--trainer.max_epochs=2"]
    for fold in range(3):
        flags = [f"--data.fold={fold}", "--data.folds.k=3", f"--run.id={fold}"]
        assert main(["fit", "--config=mine.yaml", *place, *flags]) == 0
    saved = yaml.safe_load((table / "runs/mine/0/config.yaml").read_text())
    encoders = saved["model"]["init_args"]["encoders"]
    classes = {name: each["class_path"].rsplit(".", 1)[-1] for name, each in encoders.items()}
    assert classes == {"face": "MLP", "speech": "MLP"}
    pooled = {name: each["init_args"]["statistics"] for name, each in encoders.items()}
    assert pooled == {"face": [], "speech": ["mean", "std"]}
    assert main(["report", "runs", "--output", "report"]) == 0
    page = Path("report/report.md").read_text()
    assert "(3)" in page
    records = [json.loads((table / f"runs/mine/{i}/results.json").read_text()) for i in range(3)]
    counted = [record["classes"]["confusion"] for record in records]
    assert sum(np.sum(each["fused"]) for each in counted) == 72  # every sample is tested once
    lacking = sum(number % 7 == 3 for number in range(72))
    assert sum(np.sum(each["speech"]) for each in counted) == 72 - lacking
    for record in records:
        matrix, test = np.array(record["classes"]["confusion"]["fused"]), record["test"]
        assert test["test/accuracy/fused"] == pytest.approx(np.trace(matrix) / matrix.sum())
        recall = np.mean(np.diag(matrix) / matrix.sum(1))
        assert test["test/balanced_accuracy/fused"] == pytest.approx(recall)
        assert record["best"]["validation"]["val/f1_macro/fused"] >= 0
    assert "balanced accuracy" in page
    assert "of the fused prediction on the test set" in page
    assert "fold 2" in page


def test_the_experiment_needs_a_table_alone(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = f"--config={ROOT / 'experiments' / 'table.yaml'}"
    flags = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--run.name=a", "--run.id=b"]
    assert main(["fit", config, "--data.table=samples.csv", *flags]) == 0
    record = json.loads((table / "runs/a/b/results.json").read_text())
    assert record["status"] == "finished"


def test_a_table_that_is_missing_is_named(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = f"--config={ROOT / 'experiments' / 'table.yaml'}"
    assert main(["fit", config, "--data.table=other.csv"]) == 2
    assert "other.csv" in capsys.readouterr().err
    assert main(["fit", config]) == 2
    assert "table" in capsys.readouterr().err
