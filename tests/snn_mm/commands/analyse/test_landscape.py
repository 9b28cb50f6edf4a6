"""`snnmm analyse landscape` as it is typed, on runs of the toy experiment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.cli import main
from snn_mm.commands.analyse.landscape import default_folder
from snn_mm.commands.analyse.runs import name_runs
from snn_mm.errors import UserError

SMALL = ["--resolution", "3", "--samples", "16", "--jobs", "1"]
QUICK = ["--sharpness_steps", "3", "--sharpness_starts", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name in ("a", "b"):
        flags = ["--run.root", str(root), "--run.id", name, "--seed_everything", str(ord(name))]
        assert main(["fit", "--config", str(toy_config), *flags, "--trainer.max_epochs=1"]) == 0
    return root / "toy"


def analyse(*argv: object) -> int:
    return main(["analyse", "landscape", *map(str, argv), *SMALL, *QUICK])


def test_one_run_gets_files_a_table_and_figures_in_its_directory(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyse(runs / "a") == 0
    head, row, *figures = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "run"
    assert "sharpness ρ=0.05" in head
    assert row.startswith("a ")
    folder = runs / "a" / "landscape"
    assert figures == [
        str(folder / f"network-2d-{kind}.png") for kind in ("profile", "contours", "surface")
    ]
    assert all(Path(figure).is_file() for figure in figures)
    (record,) = folder.glob("*.json")
    assert f"{json.loads(record.read_text())['loss']:.4f}" in row
    assert record.with_suffix(".csv").read_text().count("\n") == 1 + 9


def test_several_runs_keep_their_order_and_are_drawn_beside_them(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ["--labels", "second", "first"]
    assert analyse(runs / "b", runs / "a", "--dimensions", "1", *labels) == 0
    _, one, two, figure = capsys.readouterr().out.splitlines()
    assert one.startswith("second")
    assert two.startswith("first")
    assert figure == str(runs / "landscape" / "network-1d-profile.png")
    (record,) = (runs / "b" / "landscape").glob("*.json")
    assert f"{json.loads(record.read_text())['loss']:.4f}" in one


def test_a_folder_stands_for_the_runs_below_it(runs: Path, tmp_path: Path) -> None:
    assert analyse(runs, "--scope", "fusion", "--out", tmp_path / "figures") == 0
    assert len(list((tmp_path / "figures").iterdir())) == 3
    assert all(list((runs / name / "landscape").glob("fusion-2d-*.csv")) for name in ("a", "b"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resolution", "4"], "--resolution 4: accepted are odd numbers"),
        (["--range", "0"], "must be positive"),
        (["--labels", "x", "y", "z"], "--labels: 3 given; accepted are 2"),
        (["--sharpness_radius", "0"], "--sharpness_radius"),
        (["--device", "cuda"], "torch sees no GPU"),
        (["--data_root", "missing"], "no directory 'missing'"),
    ],
)
def test_mistakes_are_explained(
    runs: Path,
    fails: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert message in fails("analyse", "landscape", str(runs), "--jobs", "1", *options)


def test_a_folder_without_runs_is_explained(tmp_path: Path, fails: Callable[..., str]) -> None:
    assert "no run below" in fails("analyse", "landscape", str(tmp_path))


def test_a_run_without_checkpoint_stops_before_anything_is_computed(
    runs: Path, fails: Callable[..., str]
) -> None:
    (runs / "b" / "checkpoints" / "best.ckpt").unlink()
    assert "no checkpoints/best.ckpt" in fails("analyse", "landscape", str(runs), *SMALL)
    assert not (runs / "a" / "landscape").exists()


def test_labels_that_repeat_are_refused() -> None:
    with pytest.raises(UserError, match="different ones, in the order a, b"):
        name_runs([Path("x/a"), Path("x/b")], ["one", "one"])


def test_names_tell_experiments_apart_only_where_they_differ() -> None:
    assert list(name_runs([Path("x/a"), Path("x/b")], None)) == ["a", "b"]
    assert list(name_runs([Path("x/a"), Path("y/a")], None)) == ["x/a", "y/a"]
    assert default_folder([Path("/r/x/a"), Path("/r/y/a")]) == Path("/r/landscape")


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from snn_mm.cli import main\n"
        "try: main(['analyse', 'landscape', '--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert b"--sharpness_radius" in answer.stdout
