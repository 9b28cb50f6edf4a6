"""What runs logged over their epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.analysis.report.curves import Logged, is_factor, read_layers, read_logged

METRICS = """\
epoch,iemf/xi_epoch,iemf/xi_step,lr-SGD,step,val/accuracy/fused
0,,1.5,0.1,4,
0,,,,4,0.5
0,1.25,,,4,
1,,,,9,0.75
"""


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def factors(logged: Logged) -> Logged:
    return {name: series for name, series in logged.items() if is_factor(name)}


def test_metrics_by_epoch_counted_from_one(tmp_path: Path) -> None:
    problems: list[str] = []
    write(tmp_path, "metrics.csv", METRICS)
    assert read_logged(tmp_path, problems)["val/accuracy/fused"] == {1: 0.5, 2: 0.75}
    assert problems == []


def test_factors_are_what_is_of_no_stage_and_no_step(tmp_path: Path) -> None:
    write(tmp_path, "metrics.csv", METRICS)
    assert factors(read_logged(tmp_path, [])) == {"iemf/xi": {1: 1.25}}


def test_tracked_factors_are_averaged_over_the_steps(tmp_path: Path) -> None:
    rows = ["step,epoch,name,value", "0,0,gradient_norm/audio,1.0", "1,0,gradient_norm/audio,2.0"]
    write(tmp_path, "factors.csv", "\n".join([*rows, "2,1,gradient_norm/audio,5.0", ""]))
    assert read_logged(tmp_path, []) == {"gradient_norm/audio": {1: 1.5, 2: 5.0}}


def test_the_last_look_at_each_layer_counts(tmp_path: Path) -> None:
    head = "epoch,stage,modality,layer,rate,silent,saturated\n"
    write(tmp_path, "spikes.csv", head + "0,val,audio,l0,.1,.2,0\n1,val,audio,l0,.3,.1,0\n")
    assert read_layers(tmp_path, []) == {("audio", "l0"): (0.3, 0.1, 0.0)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "metrics.csv: empty"),
        ("a,b\n1,2\n", "metrics.csv: no header"),
        (METRICS + "2,,,,14", "metrics.csv: last line cut short, the rest is used"),
        (METRICS + "2,,,,14,0.\x00garbage\n", "metrics.csv: 1 damaged row left out"),
        (METRICS + "2,1\n,,,,,1\n", "metrics.csv: 2 damaged rows left out"),
    ],
)
def test_damage_is_named_and_the_rest_is_used(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, "metrics.csv", text)
    problems: list[str] = []
    logged = read_logged(tmp_path, problems)
    assert problems == [problem]
    assert set(logged.get("val/accuracy/fused", {})) == ({1, 2} if METRICS in text else set())


def test_values_of_a_training_that_diverged_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "metrics.csv", METRICS + "2,nan,,,14,inf\n")
    write(tmp_path, "factors.csv", "step,epoch,name,value\n0,0,x,nan\n1,0,x,2.0\n")
    logged = read_logged(tmp_path, [])
    assert logged["val/accuracy/fused"] == {1: 0.5, 2: 0.75}
    assert factors(logged) == {"iemf/xi": {1: 1.25}, "x": {1: 2.0}}


def test_files_that_are_not_there_are_no_problem(tmp_path: Path) -> None:
    problems: list[str] = []
    assert read_logged(tmp_path, problems) == read_layers(tmp_path, problems) == {}
    assert problems == []


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").mkdir()
    problems: list[str] = []
    read_logged(tmp_path, problems)
    assert problems == ["metrics.csv: no file"]
