"""`snnmm analyse robustness` as it is typed, on runs of the toy experiment."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.cli import main

Fails = Callable[..., str]
QUICK = ("--jobs", "1", "--energy", "0")
VANILLA = ["--model.joint_weight=0", "--trainer.callbacks=[]"]


@pytest.fixture(scope="module")
def trained(train_seeds: Callable[[dict[str, list[str]]], Path]) -> Path:
    """Two seeds of IEMF, of vanilla, and of each unimodal twin."""
    unimodal = ["--model.modalities=[audio]"]
    return train_seeds({"iemf": [], "vanilla": VANILLA, "audio": unimodal})


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_figures_and_numbers_of_two_methods_and_a_twin(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", "robustness", str(runs), *QUICK, "--against", "joint_weight=0"]) == 0
    printed, folder = capsys.readouterr().out, runs / "analysis"
    assert "robustness_contribution.{csv,png}" in printed
    absence = read(folder / "robustness.csv")
    assert [row["Present"] for row in absence] == [
        *(2 * ["audio + visual", "audio", "visual"]),
        "audio",
    ]
    assert all(row["Accuracy, fused"].endswith("(2)") for row in absence)
    curves = read(folder / "robustness_corruption.csv")
    assert [(r["Modality"], r["Corruption"]) for r in curves[:2]] == [
        ("audio", "noise"),
        ("visual", "noise"),
    ]
    own = [r for r in curves if "joint_weight=0" in r["Method"]]
    assert all(r["Effective robustness"].lstrip("−").startswith("0.00") for r in own)
    contribution = read(folder / "robustness_contribution.csv")
    assert [(r["Modality"], r["Twin"] != "—") for r in contribution] == [
        *(2 * [("audio", True), ("visual", False)])
    ]
    paired = read(folder / "robustness_paired.csv")
    assert {r["Under"] for r in paired} == {
        *("clean", "audio alone", "visual alone", "audio noise", "visual noise")
    }
    for name in ("robustness", "robustness_absence", "robustness_contribution"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_by_run_add_up_and_the_report_has_them(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", "robustness", str(runs), *QUICK, "--corruptions"]) == 0
    content = json.loads((runs / "analysis" / "robustness.json").read_text())
    assert len(content["runs"]) == 6
    for run in content["runs"]:
        clean = run["conditions"][0]
        total = sum(v for k, v in run["contribution"].items() if k.startswith("test/shapley/"))
        assert abs(total - (clean["metrics"]["test/accuracy/fused"] - 0.5)) < 1e-12
    samples = read(runs / "analysis" / "robustness_samples.csv")
    assert len(samples) == 40 * (2 + 2 + 2 + 2 + 1 + 1)
    lines = read(runs / "analysis" / "robustness_conditions.csv")
    assert {row["Severity"] for row in lines} == {"0"}
    assert not (runs / "analysis" / "robustness_corruption.csv").exists()
    assert main(["report", str(runs), "--output", str(tmp_path / "report")]) == 0
    report = (tmp_path / "report" / "report.md").read_text()
    assert "Contribution of modalities" in report
    assert "Shapley value, probability" in report


def test_a_second_call_measures_nothing_and_says_the_same(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from snn_mm.analysis.robustness.probe import Prober

    argv = ["analyse", "robustness", str(runs / "iemf-0"), *QUICK, "--samples", "16"]
    assert main(argv) == 0
    first = capsys.readouterr().out
    monkeypatch.setattr(Prober, "measure", lambda *_: pytest.fail("measured again"))
    assert main(argv) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--against", "OGM"], "--against 'OGM' fits no row"),
        (["--corruptions", "blur"], "--corruptions blur: fits no modality of these runs"),
        (["--samples", "0"], "--samples 0 --energy 0: accepted are"),
        (["--metric", "test/mae/fused", "--corruptions"], "--metric test/mae/fused: not measured"),
        (["--device", "cuda"], "torch sees no GPU"),
    ],
)
def test_mistakes_are_explained(
    runs: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert message in fails("analyse", "robustness", str(runs / "iemf-0"), *QUICK, *options)
