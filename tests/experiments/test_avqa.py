"""Every question-answering experiment trains and tests on files in their real layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from snn_mm.cli import main
from snn_mm.sweep.cells import Sweep
from snn_mm.sweep.grid import make_axes
from snn_mm.sweep.request import read_request
from tests.datamodules import avqa_files

FOLDER = Path(__file__).parents[2] / "experiments"
FUSED = "test/accuracy/fused"
WIDE = [
    "--model.encoders.audio.in_features=5",
    "--model.encoders.audio.feature_dim=4",
]
DATA = [
    "--data.features.audio_shape=[60, 5]",
    "--data.features.visual_shape=[60, 4, 3, 3]",
    "--data.loader.batch_size=16",
    "--data.loader.num_workers=0",
    "--data.loader.persistent_workers=false",
]
GROUNDED, POOLED = "--model.encoders.visual.channels=4", "--model.encoders.visual.in_channels=4"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return avqa_files.write_avqa(tmp_path_factory.mktemp("avqa"))


def fit(experiment: str, pieces: tuple[str, ...], flags: list[str], root: Path, runs: Path) -> Any:
    """Train one epoch, validate and test; what the test measured."""
    files = [f"{experiment}.yaml", *(f"_base/avqa/{piece}.yaml" for piece in pieces)]
    configs = [f"--config={FOLDER / file}" for file in files]
    place = [f"--run.root={runs}", f"--run.name={experiment}", "--run.id=s0"]
    size = [f"--data.avqa_dir={root}", "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    assert main(["fit", *configs, *place, *size, *DATA, *WIDE, *flags]) == 0
    record = json.loads((runs / experiment / "s0" / "results.json").read_text())
    assert record["status"] == "finished"
    return record["test"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "pieces", "visual"),
    [
        ("iemf_avqa_baseline", (), POOLED),
        ("iemf_avqa_baseline", ("vanilla", "snn_baseline"), POOLED),
        ("iemf_avqa", ("joint",), GROUNDED),
        ("iemf_avqa", ("joint", "../methods/modality_dropout"), GROUNDED),
        ("iemf_avqa", ("released",), GROUNDED),
        ("iemf_avqa", ("original",), GROUNDED),
    ],
    ids=str,
)
def test_an_experiment_trains_and_rates_answers_by_kind(
    experiment: str, pieces: tuple[str, ...], visual: str, root: Path, tmp_path: Path
) -> None:
    check_answers(fit(experiment, pieces, [visual], root, tmp_path), pieces)


def check_answers(tested: Any, pieces: tuple[str, ...]) -> None:
    """Nine kinds, three groups and all; rates where neurons spike."""
    kinds = [name for name in tested if name.startswith("test/accuracy_")]
    assert len(kinds) == 12
    assert FUSED in tested
    rates = [name for name in tested if name.startswith("test/firing_rate/")]
    assert len(rates) == (3 if any("snn" in piece for piece in pieces) else 0)


def test_the_spiking_twin_answers(root: Path, tmp_path: Path) -> None:
    check_answers(fit("iemf_avqa", ("snn",), [GROUNDED], root, tmp_path), ("snn",))


@pytest.mark.parametrize("twin", ["", "_snn"])
def test_sweeps_start_from_the_runs_that_the_sweeps_of_the_grounding_leave(twin: str) -> None:
    request = read_request(FOLDER / f"sweeps/avqa_grounding{twin}.yaml")
    axes = tuple(make_axes(request.grid, request.seeds, request.seed_keys))
    made = Sweep(request.name, Path("runs"), request.experiments, axes).cells()
    piece = yaml.safe_load((FOLDER / f"_base/avqa/pretrained{twin}.yaml").read_text())
    wanted = piece["trainer"]["callbacks+"][0]["init_args"]["run"]
    expected = [Path(wanted.replace("{seed}", str(seed))) for seed in range(3)]
    assert [cell.run.path for cell in made] == expected
    *_, last = read_request(FOLDER / f"sweeps/avqa{twin}.yaml").flags  # after those of the update
    assert last.endswith(f"_base/avqa/pretrained{twin}.yaml")


@pytest.mark.slow
def test_answers_of_a_run_become_a_page(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tested = fit("iemf_avqa_baseline", (), [POOLED], root, tmp_path)
    assert main(["analyse", "answers", str(tmp_path), "--samples=1"]) == 0
    table = (tmp_path / "analysis" / "answers.csv").read_text().splitlines()
    assert table[-1] == f"All,9,{100 * tested[FUSED]:.2f}"
    page = (tmp_path / "analysis" / "answers.html").read_text()
    assert "Audio-Visual Temporal: 1 of 1 questions" in page
    assert "analysis/answers.html" in capsys.readouterr().out
    assert main(["analyse", "classes", str(tmp_path), f"--out={tmp_path}"]) == 0
    shares = (tmp_path / "classes.csv").read_text().splitlines()
    assert shares[-1].endswith(f",{100 * tested[FUSED]:.1f},")


@pytest.mark.slow
def test_the_grounding_starts_the_encoders_of_the_questions(root: Path, tmp_path: Path) -> None:
    tested = fit("avqa_grounding", (), [GROUNDED, "--data.videos=all"], root, tmp_path)
    assert 0 <= tested[FUSED] <= 1
    run = tmp_path / "avqa_grounding" / "s0"
    still = ["--model.optimizer.lr=0", "--model.optimizer.weight_decay=0"]
    flags = [GROUNDED, f"--trainer.callbacks.run={run}", *still]
    fit("iemf_avqa", ("vanilla", "pretrained"), flags, root, tmp_path)
    before, after = (
        torch.load(tmp_path / name / "s0" / "checkpoints" / "best.ckpt")["state_dict"]
        for name in ("avqa_grounding", "iemf_avqa")
    )
    loaded = [name for name in before if name.startswith("encoders.")]
    assert any("match" in name for name in loaded)
    assert all(torch.equal(before[name], after[name]) for name in loaded)
