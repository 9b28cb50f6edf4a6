"""`snnmm analyse grid` on made runs of a sweep over two options."""

from __future__ import annotations

import contextlib
import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analysis"))
from made_runs import write_sentiment_run

from snn_mm.cli import main

Fails = Callable[..., str]


def write_runs(folder: Path) -> Path:
    """Write 2 x 2 cells of two seeds: validation prefers (0.1, 1.0), the test (0.0, 0.5)."""
    validated = {(0.0, 0.5): 0.32, (0.0, 1.0): 0.33, (0.1, 0.5): 0.34, (0.1, 1.0): 0.30}
    tested = {(0.0, 0.5): 0.55, (0.0, 1.0): 0.50, (0.1, 0.5): 0.51, (0.1, 1.0): 0.53}
    for strength, scale in validated:
        for seed in (0, 1):
            cell = (strength, scale)
            write_sentiment_run(
                folder / "runs" / f"{strength}-{scale}-{seed}",
                {
                    "test/accuracy_5/fused": tested[cell] + 0.02 * seed,
                    "test/mae/fused": 1.0 - tested[cell],
                    "test/firing_rate/fusion": 0.03,
                    "test/firing_rate/audio": 0.07,
                },
                {"val/mae/fused": validated[cell] + 0.01 * seed},
                seed=seed,
                strength=strength,
                scale_1=scale,
            )
    return folder / "runs"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return runs that a test may add to."""
    return write_runs(tmp_path)


class Analysed(NamedTuple):
    """What the command printed of the runs, and where it wrote."""

    out: str
    folder: Path


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Run the command once."""
    runs = write_runs(tmp_path_factory.mktemp("grid"))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["analyse", "grid", str(runs)]) == 0
    return Analysed(out.getvalue(), runs / "analysis")


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_choice_is_that_of_the_validation(analysed: Analysed) -> None:
    assert "chosen on validation data by val/mae/fused" in analysed.out
    head, *blocks = rows_of(analysed.folder / "grid.csv")
    assert head == ["Metric", "strength", "scale_1=0.5", "scale_1=1"]
    assert blocks[2:4] == [
        ["test/accuracy_5/fused", "0", "56.00 ± 1.41 (2) †", "51.00 ± 1.41 (2)"],
        ["test/accuracy_5/fused", "0.1", "52.00 ± 1.41 (2)", "54.00 ± 1.41 (2) *"],
    ]
    _, chosen, *_ = rows_of(analysed.folder / "grid_choice.csv")[0]
    assert chosen == "chosen: strength=0.1, scale_1=1"
    assert (analysed.folder / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_scores_come_before_firing_rates_and_the_fusion_last(analysed: Analysed) -> None:
    assert [row[0] for row in rows_of(analysed.folder / "grid_choice.csv")[1:]] == [
        "val/mae/fused",
        "test/accuracy_5/fused",
        "test/mae/fused",
        "test/firing_rate/audio",
        "test/firing_rate/fusion",
    ]


def test_best_on_test_are_scores_alone_and_less_is_better_where_it_is(analysed: Analysed) -> None:
    choices = {row[0]: row[-1] for row in rows_of(analysed.folder / "grid_choice.csv")}
    assert choices["test/mae/fused"] == "strength=0, scale_1=0.5"
    assert choices["val/mae/fused"] == choices["test/firing_rate/audio"] == "—"


def test_numbers_are_kept_for_other_programs(analysed: Analysed) -> None:
    cells = rows_of(analysed.folder / "grid_cells.csv")
    assert ["0.1", "1", "test/accuracy_5/fused", "0.54", "0.0141421", "2"] in cells


def test_the_test_never_chooses(runs: Path, fails: Fails) -> None:
    message = fails("analyse", "grid", str(runs), "--select", "test/mae/fused")
    assert "accepted is a validation metric" in message


def test_a_third_option_that_differs_is_named(runs: Path, fails: Fails) -> None:
    write_sentiment_run(runs / "wide", {}, {}, strength=0.0, scale_1=2.0, width=64)
    write_sentiment_run(runs / "wider", {}, {}, strength=0.0, scale_1=3.0, width=256)
    message = fails("analyse", "grid", str(runs), "--metric", "train/x")
    assert "has no val/mae/fused" in message
    for run in ("wide", "wider"):
        (runs / run / "results.json").write_text(
            '{"status": "finished", "test": {"test/a": 1}, "best": {"validation": '
            '{"val/mae/fused": 1}}}'
        )
    message = fails("analyse", "grid", str(runs), "--metric", "val/mae/fused")
    assert "differ in model.width too (64, 256)" in message


def test_an_unknown_option_and_a_single_cell_are_explained(runs: Path, fails: Fails) -> None:
    assert "no config has this key" in fails("analyse", "grid", str(runs), "--rows", "model.stren")
    single = str(runs / "0.0-0.5-0")
    assert "all runs have the same model.strength and model.scale_1" in fails(
        "analyse", "grid", single
    )


def test_it_needs_no_torch(runs: Path) -> None:
    code = (
        "import sys; from snn_mm.cli import main\n"
        f"code = main(['analyse', 'grid', {str(runs)!r}])\n"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
