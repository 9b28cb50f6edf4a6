"""Every file of `examples/` does what docs/extending.md says of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from snn_mm.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SMALL = [f"--trainer.limit_{part}_batches=1" for part in ("train", "val", "test")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_trains_on_the_quickstart(
    example: Path, digits_root: str, tmp_path: Path
) -> None:
    configs = ["--config", str(ROOT / "experiments" / "quickstart.yaml"), "--config", str(example)]
    place = ["--run.root", str(tmp_path), "--run.name=run", "--run.id=a"]
    small = [*SMALL, "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    assert main(["fit", *configs, *place, *small, "--data.root", digits_root]) == 0
    record = json.loads((tmp_path / "run" / "a" / "results.json").read_text())
    assert record["status"] == "finished"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.with_suffix(".py").read_text().splitlines()) <= 40


def test_what_is_ahead_brakes_and_what_coincides_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "examples"), *sys.path])
    from own_fusion import Coincidence
    from own_modulation import brake

    assert brake({"a": 0.6, "b": 0.2}, power=2.0) == pytest.approx(
        {"a": (0.4 / 0.6) ** 2, "b": 1.0}
    )
    fusion = Coincidence({"a": 3, "b": 3}, 2)
    a, b = torch.rand(2, 4, 5, 3)
    expected = fusion.classifier(torch.cat([a + b, a * b], dim=-1))
    torch.testing.assert_close(fusion({"a": a, "b": b}).fused, expected)
