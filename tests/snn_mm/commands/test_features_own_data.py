"""From films to a class-incremental data set, as docs/continual.md describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
from safetensors.torch import save_file

from datamodules.av_cil.module import ClassIncremental
from datamodules.base import LoaderOptions
from feature_makers.pretrained.output import FeatureOutput
from snn_mm.cli import main

DOCS = Path(__file__).parents[3] / "docs" / "continual.md"
PARTS = ("train", "train", "val", "test")


@pytest.fixture
def videos(tmp_path: Path, write_clip: Callable[..., Path]) -> Path:
    """Return films of two classes, and one without sound."""
    for name in ("dog", "cat"):
        for take in range(4):
            write_clip(tmp_path / "videos" / f"{name}{take}.mp4", 0.3)
    write_clip(tmp_path / "videos" / "dog4.mp4", 0.3, sound=False)
    return tmp_path / "videos"


def write_weights(directory: Path) -> None:
    """Write a transformer with 64 features and random weights."""
    directory.mkdir()
    network = timm.create_model("test_vit", img_size=(1024, 128), in_chans=1)
    save_file(network.state_dict(), directory / "model.safetensors")
    (directory / "config.json").write_text('{"architecture": "test_vit"}')


def test_films_become_a_data_set_for_class_incremental(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "audiomae")
    folder = "data/own/audio_pretrained_feature"
    argv = ["features", "audiomae", "--videos", str(videos), "--weights", "audiomae"]
    argv += ["--output", folder, "--max_unreadable", "0.2", "--workers", "1"]
    assert main([*argv, "--front_end", "av_cil"]) == 0
    assert json.loads(Path(folder, "features.json").read_text())["front_end"] == "av_cil"
    ids = [f"{name}{take}" for name in ("dog", "cat") for take in range(4)]
    visual = FeatureOutput(Path("data/own/visual_pretrained_feature"), "visual_features.h5")
    for key in ids:
        visual.add(key, np.zeros((8, 3), np.float32), [])
    visual.finish()
    rows = [f"{key},{key[:3]},{PARTS[int(key[3])]}" for key in ids]
    table = "\n".join(["id,category,part", *rows, "dog4,dog,train"])
    Path("data/own/own.csv").write_text(table)
    (recipe,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    exec(recipe, {})  # noqa: S102
    data = ClassIncremental(
        data_dir="data/own",
        classes_per_task=1,
        memory=0,
        audio_dim=64,
        visual_shape=(8, 3),
        loader=LoaderOptions(2, 0),
    )
    data.setup("fit")
    assert list(data.class_names) == ["dog", "cat"]
    assert len(data.lists.labelled["train"]) == 4
    batch = next(iter(data.train_dataloader()))
    assert batch["inputs"]["audio"].shape == (2, 64)
    assert set(batch["id"]) <= set(ids)
