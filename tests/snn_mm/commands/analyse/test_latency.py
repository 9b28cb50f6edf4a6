"""`snnmm analyse latency` as it is typed, on perceptrons of the toy experiment."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.latency.probe import LatencyProber, Task
from snn_mm.analysis.latency.record import TrialResult
from snn_mm.cli import main

Fails = Callable[..., str]
QUICK = ("--jobs", "1", "--energy", "1", "--converted", "2", "9")
MLP = "{class_path: snn_mm.encoders.MLP, init_args: {in_features: 4, feature_dim: 6"
KINDS = {
    "snn": f"{MLP}, time_steps: 2}}}}",
    "ann": f"{MLP}, time_steps: 1, neuron: {{class_path: torch.nn.ReLU}}}}}}",
}


@pytest.fixture(scope="module")
def trained(train_seeds: Callable[[dict[str, list[str]]], Path]) -> Path:
    """Two seeds of an SNN with T = 2 and of its ANN."""
    names = ("audio", "visual")
    kinds = {kind: [f"--model.encoders.{m}={own}" for m in names] for kind, own in KINDS.items()}
    return train_seeds(kinds)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_forms_exits_and_measures_of_an_snn_and_its_ann(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", "latency", str(runs), *QUICK]) == 0
    capsys.readouterr()
    folder = runs / "analysis"
    found = read(folder / "latency.csv")
    assert sorted((row["Form"], int(row["T"])) for row in found) == [
        ("converted", 2),
        ("converted", 9),
        ("int8", 1),
        ("int8", 2),
        ("trained", 1),
        *(("trained", t) for t in range(1, 5)),
    ]
    assert all(row["Accuracy, fused"].endswith("(2)") for row in found)
    assert {row["CPU, ms"] == "—" for row in found if row["Form"] == "int8"} == {True}
    exits = read(folder / "latency_exit.csv")
    assert exits[-1]["Threshold"] == "1"
    for name in ("latency", "latency_exit", "latency_energy"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((folder / "latency.json").read_text())
    assert [run["trained_steps"] for run in content["runs"]].count(2) == 2
    for run in content["runs"]:
        by_form = {(t["kind"], t["steps"]): t for t in run["trials"]}
        steps = run["trained_steps"]
        whole, short = by_form["trained", steps], by_form["int8", steps]
        assert set(whole["neurobench"]) >= {"footprint", "connection_sparsity"}
        operations = whole["neurobench"]["synaptic_operations"]
        assert set(operations) == {"Effective_MACs", "Effective_ACs", "Dense"}
        assert short["metrics"]["energy/compute_uj"] < whole["metrics"]["energy/compute_uj"]
        assert short["neurobench"]["footprint"] < whole["neurobench"]["footprint"]
        assert sum(each["samples"] for each in whole["reliability"]) == 40
        if steps == 2:
            end = run["early_exit"][-1]
            assert end["steps"] == pytest.approx(2, abs=0.2)


def test_a_stopped_analysis_goes_on_and_a_second_call_measures_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["analyse", "latency", str(runs / "ann-0"), *QUICK, "--samples", "16"]
    whole, seen = LatencyProber.measure, list[Task]()

    def stop_at_third(prober: LatencyProber, task: Task) -> TrialResult:
        seen.append(task)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return whole(prober, task)

    monkeypatch.setattr(LatencyProber, "measure", stop_at_third)
    main(argv)  # stopped
    assert len(seen) == 3
    assert main(argv) == 0
    assert [task[1].name for task in seen[3:]] == ["converted, T = 2", "converted, T = 9"]
    capsys.readouterr()
    monkeypatch.setattr(LatencyProber, "measure", lambda *_: pytest.fail("measured again"))
    assert main([*argv, "--converted", "9"]) == 0  # fewer of them: nothing is new
    assert "converted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "0"], "--samples 0: accepted are numbers from 1 on"),
        (["--calibration", "0"], "--calibration 0: accepted are"),
        (["--converted", "0"], "--converted: accepted are numbers of time steps"),
    ],
)
def test_mistakes_are_explained(runs: Path, fails: Fails, options: list[str], message: str) -> None:
    assert message in fails("analyse", "latency", str(runs / "snn-0"), *options)
