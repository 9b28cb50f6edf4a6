"""What the README shows runs as it stands there."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.cli import main
from snn_mm.commands.help import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The fenced block of a language that holds some text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return str(found)


def defined(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own README
    return names


def test_own_encoder_gives_spikes_that_depend_on_time() -> None:
    encoder = defined(block("python", "class OneLayer"))["OneLayer"](12)
    features = encoder(3 * torch.randn(5, 1, 3, 4))
    assert features.shape == (4, 5, 64)
    assert set(features.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(features[0], features[1])


def test_own_data_module_delivers_batches(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        arrays = {m: np.zeros((4, 1, 2, 2)) for m in ("audio", "visual")}
        np.savez(tmp_path / f"{name}.npz", label=np.array([0, 1, 0, 1]), **arrays)
    data = defined(block("python", "class MyData"))["MyData"](str(tmp_path))
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["inputs"]["audio"].shape == (4, 1, 2, 2)


def test_own_experiment_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits_root: str
) -> None:
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    (tmp_path / "experiments/mine.yaml").write_text(block("yaml", "IEMF"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments/layers.py").write_text(block("python", "class OneLayer"))
    assert "class_path: layers.OneLayer" in README
    monkeypatch.setattr(sys, "path", sys.path.copy())
    limits = [f"--trainer.limit_{stage}_batches=1" for stage in ("train", "val", "test")]
    command = re.search(r"`snnmm (fit --config experiments/mine.yaml[^`]*)`", README)
    assert command is not None
    own = ["--model.encoders.visual=layers.OneLayer", "--model.encoders.visual.in_features=64"]
    flags = [*limits, "--trainer.max_epochs=1", f"--data.root={digits_root}", *own]
    assert main([*command[1].split(), *flags]) == 0


def test_every_command_and_experiment_named_exists() -> None:
    named = set(re.findall(r"snnmm (\w+)", README))
    assert named <= set(COMMANDS)
    assert {"fit", "test", "list", "doctor"} <= named
    for path in re.findall(r"experiments/[\w/]+\.yaml", README):
        assert (ROOT / path).is_file() or path == "experiments/mine.yaml"


def test_every_experiment_is_in_the_readme() -> None:
    for path in (ROOT / "experiments").glob("*.yaml"):
        assert f"experiments/{path.name}" in README


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_targets_named_exist(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
