"""`snnmm explain` on runs of a few steps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy
import pytest
import torch

from snn_mm.analysis.explanation.activity import energy_over_time, watch
from snn_mm.analysis.explanation.asked import Asked, take_sample
from snn_mm.analysis.explanation.page import SamplePage
from snn_mm.cli import main
from snn_mm.config.restore import restore
from snn_mm.contracts import FusionOutput
from snn_mm.energy import estimate_energy, preset_cost_model

ROOT = Path(__file__).parents[3]
STEPS = [
    "--trainer.max_epochs=1",
    *(f"--trainer.limit_{s}_batches=2" for s in ("train", "val", "test")),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits_root: str) -> Path:
    """Return a run of the quickstart."""
    root = tmp_path_factory.mktemp("runs")
    place = [f"--run.root={root}", "--run.id=a", f"--data.root={digits_root}"]
    config = f"--config={ROOT / 'experiments/quickstart.yaml'}"
    assert main(["fit", config, *place, *STEPS, "--trainer.accelerator=cpu"]) == 0
    return root / "quickstart" / "a"


def test_a_page_needs_nothing_but_itself_and_names_what_it_shows(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--run", str(trained), "--out", str(tmp_path / "page")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page/index.html")
    page = (tmp_path / "page/index.html").read_text()
    for title in ("Decision", "Input", "Evidence over time", "Modalities", "Spikes", "Energy"):
        assert f"<h2>{title}</h2>" in page
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="(\w+:|#)', page)) <= {"data:", "#"}
    drawn = {file.stem for file in (tmp_path / "page").glob("*.png")}
    assert {"input", "evidence", "shapley", "raster", "rates", "energy"} <= drawn
    assert page.count("<img ") == len(drawn)


def test_the_energy_of_all_steps_is_that_of_the_estimator(trained: Path) -> None:
    module, data, _ = restore(trained, stages=("test",))
    sample = take_sample(data, None)
    asked = Asked(module, sample)
    seen = watch(asked)
    by_part = energy_over_time(asked, seen)
    report = estimate_energy(module, [sample], preset_cost_model("45nm-fp32"), False)
    assert {name: float(x.sum()) for name, x in by_part.items()} == pytest.approx(
        {name: part.compute_pj for name, part in report.parts.items()}
    )
    assert isinstance(seen.said, FusionOutput)
    assert all(len(x) == len(seen.said.fused) for x in by_part.values())
    assert all(set(x.unique().tolist()) <= {0.0, 1.0} for x in seen.spikes.values())


def test_a_batch_said_twice_is_answered_twice(trained: Path) -> None:
    module, data, _ = restore(trained, stages=("test",))
    asked = Asked(module, take_sample(data, None))
    twice = {name: torch.cat([x, x]) for name, x in asked.batch["inputs"].items()}
    with torch.no_grad():
        once, again = asked.fused(), asked.fused(twice)
    assert torch.allclose(again, once.repeat(2, 1), atol=1e-6)


def test_one_pass_serves_all_that_is_said_of_the_whole_sample(trained: Path) -> None:
    module, data, _ = restore(trained, stages=("test",))
    passes: list[int] = []
    module.register_forward_hook(lambda *_: passes.append(1))
    page = SamplePage(module, take_sample(data, None), data.class_names)  # type: ignore[attr-defined]
    said = page.at_once()
    assert {"Decision", "Evidence over time", "Spikes"} <= said.keys()
    assert len(passes) == 1 + len(module.modalities)  # type: ignore[arg-type]  # and each alone


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--sample", "nobody"], "no clip 'nobody' in the test part"),
        (["--run", "/nowhere"], "no run"),
        (["--points", "0"], "--points is 0; accepted: 1 or more"),
    ],
)
def test_mistakes_are_said_in_a_line(
    trained: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--run", str(trained), *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_file_without_sound_is_explained_by_what_it_has(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numpy.save(tmp_path / "clip.npy", numpy.full((8, 8), 3.0))
    flags = ["--run", str(trained), "--out", str(tmp_path / "page")]
    code = main(["explain", f"visual={tmp_path / 'clip.npy'}", *flags])
    said = capsys.readouterr().err
    assert code == 0, said
    page = (tmp_path / "page/index.html").read_text()
    assert "clip: it says" in page
    assert "the label is" not in page
    assert main(["explain", "--sample", "a", str(tmp_path / "clip.npy"), *flags]) == 2
    assert "--sample" in capsys.readouterr().err


def test_curves_of_a_run_are_a_table_with_a_verdict(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("captum", reason="captum is an extra")
    flags = ["--samples", "20", "--out", str(tmp_path)]
    assert main(["analyse", "explanations", str(trained), *flags]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Deletion beats a random order in [01] of 1 runs", said)
    row = (tmp_path / "explanations.csv").read_text().splitlines()[1].split(",")
    assert row[:2] == ["a", "20"]
    assert all(0 <= float(cell) <= 1 for cell in row[2:6])
    assert (tmp_path / "explanations.png").is_file()
