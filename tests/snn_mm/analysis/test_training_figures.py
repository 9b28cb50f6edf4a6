from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from snn_mm.analysis.report.config_facts import flatten
from snn_mm.analysis.training_figures import draw_training, modulation_ends
from snn_mm.cli import main
from snn_mm.commands.analyse.runs import read_groups

ACCURACY = {"audio": [0.2, 0.4, 0.6], "visual": [0.1, 0.5, 0.5], "fused": [0.3, 0.7, 0.8]}
LOSS = {"audio": [3.0, 2.0, 1.0], "visual": [4.0, 3.0, 3.0], "fused": [2.0, 1.0, 0.5]}


def config(end_epoch: int | None) -> dict[str, Any]:
    callback = {
        "class_path": "snn_mm.callbacks.LossAdjustment",
        "init_args": {"alpha": 0.8, "end_epoch": end_epoch},
    }
    return {
        "trainer": {"max_epochs": 3, "callbacks": [callback]},
        "model": {"class_path": "snn_mm.modules.TAAFModule", "init_args": {"beta": 1.0}},
        "data": {"class_path": "datamodules.AVE", "init_args": {"root": "data"}},
    }


def write_run(path: Path, end_epoch: int | None, seed: int = 0, shift: float = 0.0) -> Path:
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(yaml.safe_dump(config(end_epoch)))
    (path / "results.json").write_text(json.dumps({"status": "finished"}))
    (path / "environment.json").write_text(json.dumps({"seed": seed}))
    names = [*(f"train/loss/{n}" for n in LOSS), *(f"val/accuracy/{n}" for n in ACCURACY)]
    lines = [",".join(["epoch", "step", *names])]
    for epoch in range(3):
        values = [LOSS[n][epoch] + shift for n in LOSS] + [ACCURACY[n][epoch] for n in ACCURACY]
        lines.append(",".join(map(str, [epoch, 9, *values])))
    (path / "metrics.csv").write_text("\n".join(lines) + "\n")
    return path


def draw(folder: Path) -> Any:
    comparison = read_groups([folder])
    return draw_training(comparison.ordered(comparison.datasets[0]), "val/accuracy/")


def test_accuracy_stands_above_loss_with_a_line_for_every_output(tmp_path: Path) -> None:
    write_run(tmp_path / "a", None)
    top, bottom = draw(tmp_path).axes
    for panel, curves, scale in ((top, ACCURACY, 100), (bottom, LOSS, 1)):
        lines = {line.get_label(): line for line in panel.lines}
        assert list(lines) == ["audio", "visual", "fused"]
        for name, values in curves.items():
            assert lines[name].get_xdata().tolist() == [1, 2, 3]
            assert lines[name].get_ydata() == pytest.approx([scale * value for value in values])


def test_panels_of_two_methods_have_one_scale(tmp_path: Path) -> None:
    write_run(tmp_path / "a", None)
    write_run(tmp_path / "b", 1, shift=7.0)
    accuracies, losses = (draw(tmp_path).axes[i : i + 2] for i in (0, 2))
    assert losses[0].get_ylim() == losses[1].get_ylim()
    assert losses[0].get_ylim()[0] < 0.5 < 11.0 < losses[0].get_ylim()[1]
    assert accuracies[0].get_ylim() == accuracies[1].get_ylim()
    assert (accuracies[0].get_ylabel(), losses[0].get_ylabel()) == (
        "validation accuracy, %",
        "training loss",
    )


def test_seeds_of_one_method_are_averaged(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / str(seed), None, seed, shift=float(seed))
    _, bottom = draw(tmp_path).axes
    fused = next(line for line in bottom.lines if line.get_label() == "fused")
    assert fused.get_ydata() == pytest.approx([2.5, 1.5, 1.0])


@pytest.mark.parametrize(("end_epoch", "marks"), [(None, []), (1, [2.5]), (2, []), (9, [])])
def test_the_end_of_the_modulation_is_marked_where_training_goes_on(
    tmp_path: Path, end_epoch: int | None, marks: list[float]
) -> None:
    write_run(tmp_path / "a", end_epoch)
    for panel in draw(tmp_path).axes:
        dashed = [line for line in panel.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata()[0] for line in dashed] == marks


def test_every_modulation_with_an_end_is_named() -> None:
    assert modulation_ends(flatten(config(179))) == {"LossAdjustment": 180}
    assert modulation_ends(flatten(config(None))) == {}


def test_methods_stand_side_by_side_and_no_panel_stays_empty(tmp_path: Path) -> None:
    for end_epoch in range(4):
        write_run(tmp_path / str(end_epoch), end_epoch)
    figure = draw(tmp_path)
    assert len(figure.axes) == 8
    assert all(len(panel.lines) >= 3 for panel in figure.axes)


def test_the_command_writes_a_table_and_every_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a", 1)
    assert main(["analyse", "training", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "visual" in capsys.readouterr().out
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"training.csv", "training.md", "training.png", "training_curves.csv"}
    rows = (tmp_path / "out" / "training.csv").read_text().splitlines()
    assert rows[-1].endswith("fused,30.00,80.00,80.00,3,2.0000,0.5000")
    points = (tmp_path / "out" / "training_curves.csv").read_text().splitlines()
    assert len(points) == 1 + 2 * 3 * 3


def test_a_run_without_losses_by_modality_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a", None)
    (run / "metrics.csv").write_text("epoch,train/loss,val/accuracy/fused\n0,1.0,0.5\n")
    assert main(["analyse", "training", str(tmp_path)]) == 2
    assert f"{run}: metrics.csv has no train/loss/*" in capsys.readouterr().err
