"""Every kind of experiment: attention over time, classes in tasks, scores, questions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from snn_mm.analysis.robustness.compute import measure_conditions, plan
from snn_mm.analysis.robustness.conditions import Condition, RobustnessSettings, absences
from snn_mm.analysis.robustness.contribution import contributions
from snn_mm.analysis.robustness.probe import ConditionProbe
from snn_mm.analysis.robustness.record import Record
from snn_mm.analysis.workers import RunPlace
from snn_mm.cli import main
from snn_mm.config.restore import Restored, restore
from snn_mm.run.directory import RunDirectory, read_json

TOY = Path(__file__).parents[2] / "toy"
SETTINGS = RobustnessSettings(energy_samples=0)
ONE_PROCESS = ["--trainer.devices=1", "--trainer.strategy=auto"]
BOTH = ("audio", "visual")


def measured(run: Path, corruptions: list[str] | None = None) -> Record:
    planned = plan([RunPlace(run)], SETTINGS, corruptions)
    return measure_conditions(planned, SETTINGS)[run]


@pytest.fixture(autouse=True)
def _one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")  # the toy of ranks asks for it


def fit(folder: Path, *configs: str) -> Path:
    files = [flag for name in configs for flag in ("--config", str(TOY / name))]
    assert main(["fit", *files, "--run.root", str(folder), "--run.id", "run", *ONE_PROCESS]) == 0
    return folder / "toy" / "run"


def check(record: Record, run: Path, metric: str) -> None:
    """Clean numbers are those of the run's test, and contributions add up."""
    clean = next(iter(record.values()))
    test = read_json(run / "results.json")["test"]
    shared = {name for name in clean.metrics if metric in name}
    assert shared
    for name in shared:
        assert clean.metrics[name] == pytest.approx(test[name], abs=1e-6)
    total = sum(each.shapley for each in contributions(record).values())
    nothing = -sum(clean.empty.values()) / len(clean.empty) if clean.chance is None else None
    whole = clean.metrics[f"test/{metric}/fused"]
    gained = whole - clean.chance if nothing is None else nothing - whole
    assert total == pytest.approx(gained, abs=1e-6)


def test_attention_over_time_under_each_corruption_that_the_data_offer(tmp_path: Path) -> None:
    run = fit(tmp_path, "ranks.yaml", "ranks_taaf.yaml")
    record = measured(run)
    check(record, run, "accuracy")
    fits = restore(run, stages=("test",)).data.fitting_corruptions()
    asked = {(c.modality, c.corruption) for c in record if c.severity}
    assert asked == {(m, kind) for m in BOTH for kind in fits[m]}
    assert len(record) == 3 + 5 * len(asked)
    first = record[Condition(BOTH)].metrics["test/firing_rate/audio"]
    for kind in fits["audio"]:
        rate = record[Condition(BOTH, "audio", kind, 5)].metrics["test/firing_rate/audio"]
        assert rate != first, kind


def test_classes_in_tasks_are_tested_on_all_classes(tmp_path: Path) -> None:
    run = fit(tmp_path, "ranks.yaml", "ranks_tasks.yaml")
    record = measured(run, [])
    clean = record[Condition(BOTH)]
    matrix = read_json(run / "results.json")["test"]
    assert clean.metrics["test/accuracy/fused"] == pytest.approx(matrix["test/accuracy/fused"])
    assert clean.chance == 1 / 4
    assert len(clean.worth) == clean.metrics["test/samples"] > 0


@pytest.mark.parametrize("kind", ["snn", "ann"])
def test_scores_of_three_modalities(sgmt_runs: dict[str, Path], kind: str) -> None:
    run = sgmt_runs[kind]
    record = measured(run, [])
    check(record, run, "mae")
    assert [len(c.present) for c in record] == [3, 2, 2, 2, 1, 1, 1]
    alone = record[Condition(("text",))].metrics
    assert {"test/mae/text", "test/mae/fused", "test/corr/fused"} <= alone.keys()
    assert not [name for name in alone if name.endswith(("/audio", "/visual"))]
    assert not any("calibration" in name for name in alone)


@pytest.fixture
def questions() -> Iterator[Any]:
    """What makes questions, networks that answer them, and their neurons."""
    folder = str(Path(__file__).parents[2] / "modules" / "avqa")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import made_questions

        yield made_questions
    sys.modules.pop("made_questions", None)


@pytest.mark.parametrize("grounded", [False, True])
def test_questions_are_answered_from_what_is_present(questions: Any, grounded: bool) -> None:
    network = questions.module(grounded).eval()
    batch = questions.questions(6)
    batch.setdefault("id", [f"q{i}" for i in range(6)])
    data: Any = SimpleNamespace(test_dataloader=lambda: [batch])
    restored = Restored(network, data, RunDirectory(Path("nowhere")))
    probe = ConditionProbe(restored, RobustnessSettings(energy_samples=0))
    record = {condition: probe.measure(condition) for condition in absences(network.modalities)}
    worths = [torch.tensor(list(result.worth.values())) for result in record.values()]
    assert all(len(worth) == 6 for worth in worths)
    assert not torch.equal(worths[0], worths[1])
    clean = next(iter(record.values()))
    total = sum(each.shapley for each in contributions(record).values())
    assert total == pytest.approx(clean.metrics["test/accuracy/fused"] - clean.chance, abs=1e-9)
