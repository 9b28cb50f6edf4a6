"""VideoMAE from a local directory: frames as AV-CIL chooses them, and what is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.store.processing import ProcessingOptions
from feature_makers.pretrained.engine import encode_videos, find_videos
from feature_makers.pretrained.output import FeatureOutput
from feature_makers.pretrained.video_mae import VideoMAE, check_directory, evenly_spaced
from snn_mm.errors import UserError


def published_rows(total: int) -> list[int]:
    """Count as the published script does: files from 1, and an interval in floating point."""
    interval = total / 15
    return [0, *(int((i + 1) * interval + 0.5) for i in range(14)), total - 1]


@pytest.mark.parametrize("total", [16, 80, 81, 100, 239])
def test_frames_are_those_of_the_published_script(total: int) -> None:
    assert evenly_spaced(total) == published_rows(total)


def test_a_short_video_repeats_frames() -> None:
    assert evenly_spaced(1) == 16 * [0]
    assert evenly_spaced(4)[-1] == max(evenly_spaced(4)) == 3


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory that has every file, all of them empty."""
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(files: Path, name: str) -> None:
    (files / name).unlink()
    named = name.replace("model", "*")
    with pytest.raises(UserError) as error:
        check_directory(files)
    assert f"{files} has no {named}; accepted is a directory with config.json" in str(error.value)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone is no directory; accepted is a directory with"):
        VideoMAE(tmp_path / "gone")


def test_without_the_package_it_says_what_to_install(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="VideoMAE needs transformers: run `pip install transf"):
        VideoMAE(files)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a VideoMAE with random weights: 8 x 2 x 2 positions of 12 features."""
    import transformers

    directory = tmp_path_factory.mktemp("videomae")
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "intermediate_size": 8}
    config = transformers.VideoMAEConfig(
        **sizes, image_size=32, num_attention_heads=2, use_mean_pooling=False
    )
    transformers.VideoMAEModel(config).save_pretrained(directory)
    size = {"height": 32, "width": 32}
    processor = transformers.VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    processor.save_pretrained(directory)
    return directory


@pytest.mark.slow
def test_hidden_states_are_those_of_the_published_calls(model_dir: Path) -> None:
    import transformers

    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 255, (40, 48, 3), np.uint8)) for _ in range(16)]
    encoder = VideoMAE(model_dir)
    features = encoder.encode(torch.stack([encoder.prepare(image) for image in images]))
    processor = transformers.VideoMAEImageProcessor.from_pretrained(model_dir)
    model = transformers.VideoMAEModel.from_pretrained(model_dir).eval()
    with torch.no_grad():
        expected = model(processor(images, return_tensors="pt")["pixel_values"]).last_hidden_state
    assert features.shape == (8 * 2 * 2, 12)
    np.testing.assert_allclose(features, expected[0].numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_videos_end_up_in_one_file_with_a_data_set_each(
    model_dir: Path, tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    import h5py

    for name in ("a", "b"):
        write_clip(tmp_path / "videos" / f"{name}.mp4", 1.0)
    output = FeatureOutput(tmp_path / "out", "visual_features.h5")
    videos = find_videos(tmp_path / "videos")
    encode_videos(videos, VideoMAE(model_dir), output, ProcessingOptions(), lambda *_: None)
    with h5py.File(tmp_path / "out" / "visual_features.h5") as file:
        assert {name: file[name].shape for name in file} == {"a": (32, 12), "b": (32, 12)}


@pytest.mark.slow
def test_weights_without_a_tensor_are_refused(model_dir: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in model_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = load_file(tmp_path / "model.safetensors")
    name = min(state)
    del state[name]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=f"lack 1 tensors that config.json declares, such as {name}"
    ):
        VideoMAE(tmp_path)
