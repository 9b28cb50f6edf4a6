"""`snnmm analyse classes` as it is typed, on a run of the toy experiment."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_mm.cli import main

Fails = Callable[..., str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    flags = ["--run.root", str(root), "--run.id", "a", "--trainer.max_epochs=1"]
    assert main(["fit", "--config", str(toy_config), *flags]) == 0
    return root / "toy" / "a"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A run to write into."""
    return Path(shutil.copytree(trained, tmp_path / "a"))


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_tables_and_figures_lie_in_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "classes", str(run), "--points", "25"]) == 0
    folder = run / "figures"
    assert f"{folder}/classes_tsne.{{csv,png}}" in capsys.readouterr().out
    head, minus, plus, total = read(folder / "classes.csv")
    assert head == ["Class", "Samples", "audio, %", "visual, %", "fused, %", "Taken for (fused)"]
    assert [minus[0], plus[0], total[0]] == ["minus", "plus", "all"]
    assert int(minus[1]) + int(plus[1]) == int(total[1]) == 40
    counts = read(folder / "classes_confusion.csv")[1:]
    assert [row[:2] for row in counts[:2]] == [["audio", "minus"], ["audio", "plus"]]
    right = sum(int(row[2 + line % 2]) for line, row in enumerate(counts[4:]))
    assert total[4] == f"{100 * right / 40:.1f}"
    places = read(folder / "classes_tsne.csv")
    assert len(places) == 1 + 25
    assert all(cell for row in places for cell in row)
    for name in ("confusion", "tsne"):
        assert (folder / f"classes_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_another_part_is_written_elsewhere(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["analyse", "classes", str(run), "--split", "val", "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 6
    assert not (run / "figures" / "classes.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--points", "0"], "--points 0, --seed 0: accepted are numbers from 1 and from 0 on"),
        (["--device", "cuda"], "torch sees no GPU"),
        (["--data.root", "missing"], "no directory 'missing'"),
    ],
)
def test_mistakes_are_explained(
    run: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert message in fails("analyse", "classes", str(run), *options)
