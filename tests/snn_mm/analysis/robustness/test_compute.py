"""Conditions of a trained toy: resumed, in parallel, equal to what its own test said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.analysis.robustness.compute import measure_conditions, plan, table_path
from snn_mm.analysis.robustness.conditions import Condition, RobustnessSettings
from snn_mm.analysis.robustness.inputs import NOISE
from snn_mm.analysis.robustness.probe import Prober, Task
from snn_mm.analysis.robustness.record import ConditionResult, Record
from snn_mm.analysis.workers import RunPlace
from snn_mm.config.restore import open_run
from snn_mm.errors import UserError
from snn_mm.run.directory import read_json

QUICK = RobustnessSettings(energy_samples=1, samples=24)
MakeRun = Callable[[str], Path]
BOTH = ("audio", "visual")


def measure(run: Path, settings: RobustnessSettings = QUICK, jobs: int = 1) -> Record:
    planned = plan([RunPlace(run)], settings, None)
    return measure_conditions(planned, settings, jobs)[run]


def file_of(run: Path, settings: RobustnessSettings = QUICK) -> Path:
    return table_path(open_run(run), settings)


@pytest.fixture(scope="module")
def undisturbed(trained: Path) -> str:
    measure(trained)
    return file_of(trained).read_text()


def test_conditions_are_every_subset_and_every_corruption_at_five_severities(
    trained: Path, undisturbed: str
) -> None:
    record = measure(trained)
    names = [condition.name for condition in record]
    assert names[:3] == ["audio + visual", "audio", "visual"]
    assert names[3:] == [f"{m}: {NOISE} {s}" for m in BOTH for s in range(1, 6)]


def test_clean_numbers_are_those_of_the_runs_own_test(make_run: MakeRun) -> None:
    run = make_run("own")
    settings = RobustnessSettings(energy_samples=0)
    planned = plan([RunPlace(run)], settings, [])
    record = measure_conditions(planned, settings)[run]
    metrics = record[Condition(BOTH)].metrics
    assert metrics["test/samples"] == 40
    # ToyData draws its samples anew from the global generator, so that no two tests see the same.
    own = {
        name
        for name in read_json(run / "results.json")["test"]
        if name.startswith("test/accuracy/")
    }
    assert own
    assert own <= set(metrics)


def test_an_absent_modality_neither_runs_nor_is_rated(trained: Path, undisturbed: str) -> None:
    record = measure(trained)
    both, visual = record[Condition(BOTH)].metrics, record[Condition(("visual",))].metrics
    assert {"test/accuracy/audio", "test/firing_rate/audio"} <= both.keys()
    assert not {"test/accuracy/audio", "test/firing_rate/audio"} & visual.keys()
    assert visual["test/energy/compute_uj"] < both["test/energy/compute_uj"]
    assert {"test/calibration_error/fused", "test/accuracy/fused"} <= visual.keys()


def test_corruption_changes_what_is_corrupted_alone(trained: Path, undisturbed: str) -> None:
    record = measure(trained)
    clean = record[Condition(BOTH)].metrics
    noisy = record[Condition(BOTH, "audio", NOISE, 5)].metrics
    assert noisy["test/firing_rate/audio"] != clean["test/firing_rate/audio"]
    assert noisy["test/accuracy/visual"] == clean["test/accuracy/visual"]
    assert noisy["test/accuracy/audio"] != clean["test/accuracy/audio"]


def test_a_stopped_analysis_goes_on_to_the_same_file(
    make_run: MakeRun, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole, seen = make_run("stopped"), Prober.measure, []

    def stop_at_fifth(prober: Prober, task: Task) -> ConditionResult:
        seen.append(task)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return whole(prober, task)

    monkeypatch.setattr(Prober, "measure", stop_at_fifth)
    with pytest.raises(KeyboardInterrupt):
        measure(run)
    with file_of(run).open("a") as file:
        file.write('{"condition": {"pres')  # as a kill in the middle of a line leaves it
    measure(run)
    assert len(seen) == 5 + 9  # four of thirteen are done, the fifth is done again
    assert file_of(run).read_text() == undisturbed


def test_nothing_is_measured_twice_and_other_settings_have_another_file(
    trained: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prober, "measure", lambda *_: pytest.fail("measured again"))
    measure(trained)
    assert file_of(trained).read_text() == undisturbed
    assert file_of(trained, RobustnessSettings(samples=23)) != file_of(trained)


def test_fewer_corruptions_than_before_leave_the_others_where_they_are(
    make_run: MakeRun, undisturbed: str
) -> None:
    run = make_run("fewer")
    file_of(run).parent.mkdir()
    file_of(run).write_text(undisturbed)
    planned = plan([RunPlace(run)], QUICK, [])
    assert len(measure_conditions(planned, QUICK)[run]) == 3
    assert file_of(run).read_text() == undisturbed


def test_a_corruption_that_fits_nothing_is_refused(trained: Path) -> None:
    with pytest.raises(UserError, match=r"--corruptions blur: fits no modality.*\naccepted: noise"):
        plan([RunPlace(trained)], QUICK, ["blur"])


@pytest.mark.slow
def test_processes_do_not_change_a_digit(make_run: MakeRun, undisturbed: str) -> None:
    run = make_run("parallel")
    measure(run, jobs=2)
    assert file_of(run).read_text() == undisturbed
