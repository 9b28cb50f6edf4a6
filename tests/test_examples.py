"""Every file of `examples/` does what docs/extending.md says of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
TOGETHER = [("own_modulation", "own_fusion"), ("own_encoder", "own_paper"), ("own_data",)]
"""Each trains alone as well; together they take half of the time, and show that they compose."""

SMALL = [f"--trainer.limit_{part}_batches=1" for part in ("train", "val", "test")]


@pytest.mark.parametrize("names", TOGETHER, ids="+".join)
def test_examples_train_on_the_quickstart(
    names: tuple[str, ...], digits_root: str, tmp_path: Path
) -> None:
    files = [ROOT / "experiments/quickstart.yaml", *(ROOT / f"examples/{n}.yaml" for n in names)]
    configs = [f"--config={file}" for file in files]
    place = ["--run.root", str(tmp_path), "--run.name=run", "--run.id=a"]
    small = [*SMALL, "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    trust = [f"--trust={name}" for name in names]
    assert main(["fit", *configs, *place, *small, *trust, "--data.root", digits_root]) == 0
    record = json.loads((tmp_path / "run" / "a" / "results.json").read_text())
    assert record["status"] == "finished"


def test_every_example_trains() -> None:
    assert {name for names in TOGETHER for name in names} == {file.stem for file in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.with_suffix(".py").read_text().splitlines()) <= 40


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return an importer of the examples."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return import_module


def test_what_is_ahead_brakes(own: Callable[[str], Any]) -> None:
    factors = own("own_modulation").brake({"a": 0.6, "b": 0.2}, power=2.0)
    assert factors == pytest.approx({"a": (0.4 / 0.6) ** 2, "b": 1.0})


def test_what_coincides_counts(own: Callable[[str], Any]) -> None:
    fusion = own("own_fusion").Coincidence({"a": 3, "b": 3}, 2)
    a, b = torch.rand(2, 4, 5, 3)
    expected = fusion.classifier(torch.cat([a + b, a * b], dim=-1))
    torch.testing.assert_close(fusion({"a": a, "b": b}).fused, expected)


def test_an_encoder_gives_spikes_that_depend_on_time(own: Callable[[str], Any]) -> None:
    encoder = own("own_encoder").OneLayer(12)
    features = encoder(3 * torch.randn(5, 1, 3, 4))
    assert features.shape == (4, 5, 64)
    assert set(features.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(features[0], features[1])


def test_a_loss_teaches_every_step(own: Callable[[str], Any]) -> None:
    logits = torch.tensor([[[0.0, 0.0]], [[math.log(3), 0.0]]])  # [T, N, K]
    each = (math.log(2) - math.log(0.75)) / 2
    drawn = (1 + 1 + (math.log(3) - 1) ** 2 + 1) / 4
    loss = own("own_paper").tet_loss(logits, torch.tensor([0]), 0.25)
    assert float(loss) == pytest.approx(0.75 * each + 0.25 * drawn)


def test_data_make_their_files_once_and_deliver_batches(
    own: Callable[[str], Any], tmp_path: Path
) -> None:
    data = own("own_data").Stripes(str(tmp_path))
    data.prepare_data()
    made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npz")}
    data.prepare_data()
    assert made == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npz")}
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["inputs"]["audio"].shape == (64, 1, 8, 8)
    assert set(batch["target"].tolist()) == {0, 1}
