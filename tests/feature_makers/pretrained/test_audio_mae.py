"""AudioMAE from local files: the network by hand, sound of videos, and weights that don't fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear

from datamodules.av_cil.features import PickledFeatures
from datamodules.store.processing import ProcessingOptions
from feature_makers.pretrained import audio_mae
from feature_makers.pretrained.audio_mae import FRONT_ENDS, AudioMAE, log_mel
from feature_makers.pretrained.engine import encode_videos, find_videos
from feature_makers.pretrained.output import FeatureOutput
from snn_mm.errors import UserError

ARCHITECTURE, DIM, HEADS = "test_vit", 64, 2


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the smallest transformer of timm, its values random."""
    directory = tmp_path_factory.mktemp("audiomae")
    network = timm.create_model(ARCHITECTURE, img_size=(1024, 128), in_chans=1, global_pool="avg")
    rng = torch.Generator().manual_seed(0)
    state = {n: 0.1 * torch.randn(x.shape, generator=rng) for n, x in network.state_dict().items()}
    save_file(state, directory / "model.safetensors")
    (directory / "config.json").write_text(json.dumps({"architecture": ARCHITECTURE}))
    return directory


def transformer(state: dict[str, Tensor], heard: Tensor) -> Tensor:
    """Compute the features by hand in float64, as AV-CIL's network is written."""
    s = {name: value.double() for name, value in state.items()}
    patches = conv2d(heard.double()[None, None], s["patch_embed.proj.weight"], stride=16)
    patches = patches.flatten(2).mT + s["patch_embed.proj.bias"]  # [1, D, 64, 8] -> [1, 512, D]
    x = torch.cat([s["cls_token"], patches], dim=1) + s["pos_embed"]
    for block in sorted({name.split(".")[1] for name in s if name.startswith("blocks.")}):
        b = {n.split(".", 2)[2]: x for n, x in s.items() if n.startswith(f"blocks.{block}.")}
        y = layer_norm(x, (DIM,), b["norm1.weight"], b["norm1.bias"], 1e-6)
        qkv = linear(y, b["attn.qkv.weight"], b["attn.qkv.bias"])
        q, k, v = qkv.view(1, -1, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)  # [3, 1, H, L, D]
        y = ((q @ k.mT) / (DIM // HEADS) ** 0.5).softmax(dim=-1) @ v
        y = y.transpose(1, 2).flatten(2)  # [1, H, L, D/H] -> [1, L, D]
        x = x + linear(y, b["attn.proj.weight"], b["attn.proj.bias"])
        y = layer_norm(x, (DIM,), b["norm2.weight"], b["norm2.bias"], 1e-6)
        y = gelu(linear(y, b["mlp.fc1.weight"], b["mlp.fc1.bias"]))
        x = x + linear(y, b["mlp.fc2.weight"], b["mlp.fc2.bias"])
    mean = x[0, 1:].mean(dim=0)
    return (mean - mean.mean()) / (mean.var(correction=0) + 1e-6).sqrt()


def test_features_are_the_standardised_mean_of_the_patches(weights: Path) -> None:
    heard = torch.randn(1024, 128, generator=torch.Generator().manual_seed(1))
    features = AudioMAE(weights).encode(heard)
    expected = transformer(load_file(weights / "model.safetensors"), heard)
    assert features.shape == (DIM,)
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_what_is_heard_of_a_video_is_its_sound(
    weights: Path, tmp_path: Path, write_clip: Callable[..., Path], front_end: str
) -> None:
    clip = write_clip(tmp_path / "a.avi", 1.0, sample_rate=16_000, channels=2, tone=600.0)
    time = np.arange(16_000) / 16_000
    wave = np.trunc(8000 * np.sin(2 * np.pi * 600 * time)).astype(np.float32) / 32768
    heard = AudioMAE(weights, front_end).read(clip)
    torch.testing.assert_close(heard, log_mel(wave, 16_000, FRONT_ENDS[front_end]))


def test_videos_end_up_in_the_dictionary_and_silent_ones_in_the_list(
    weights: Path, tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    for name, options in {"a": {}, "b": {"tone": 900.0}, "mute": {"sound": False}}.items():
        write_clip(tmp_path / "videos" / f"{name}.mp4", 0.5, **options)
    write_clip(tmp_path / "videos" / "blip.avi", 0.03, frame_rate=100)
    encoder, videos = AudioMAE(weights), find_videos(tmp_path / "videos")
    output = FeatureOutput(tmp_path / "out", "dict.npy")
    outcome = encode_videos(videos, encoder, output, ProcessingOptions(2, 0.5), lambda *_: None)
    assert outcome.unreadable["mute"] == "mute.mp4 has no sound"
    assert outcome.unreadable["blip"] == "blip.avi has only 0.030 s of sound"
    features, out = PickledFeatures(tmp_path / "out" / "dict.npy", (DIM,)), np.empty(DIM, "f4")
    assert features.ids() == {"a", "b"}
    features.read("b", out)
    video = next(each for each in videos if each.id == "b")
    np.testing.assert_array_equal(out, encoder.encode(encoder.read(video.picture)))


def test_features_of_two_front_ends_are_told_apart(weights: Path) -> None:
    assert AudioMAE(weights).facts != AudioMAE(weights, "av_cil").facts


def test_without_the_package_it_says_what_to_install(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, audio_mae.PACKAGE, None)
    with pytest.raises(UserError, match="AudioMAE needs timm: run `pip install timm`"):
        AudioMAE(weights)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "gives no architecture"),
        ("{}", "gives no architecture"),
        ('{"architecture": "resnet18"}', "no vision transformer 'resnet18'"),
        ('{"architecture": "hf_hub:some/one"}', "no vision transformer 'hf_hub:some/one'"),
    ],
)
def test_a_configuration_of_something_else_is_refused(
    weights: Path, tmp_path: Path, config: str, message: str
) -> None:
    (tmp_path / "model.safetensors").symlink_to(weights / "model.safetensors")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match=rf"config\.json.*{message}"):
        AudioMAE(tmp_path)


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone is not there; accepted is model\.safetensors"):
        AudioMAE(tmp_path / "gone")
    with pytest.raises(UserError, match=r"has no model\.safetensors; accepted"):
        AudioMAE(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(UserError, match=r"is a pickle\. Convert it:\n.*import save_file"):
        AudioMAE(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pos_embed": None}, 'Missing key.*"pos_embed"'),
        ({"decoder.weight": torch.zeros(1)}, 'Unexpected key.*"decoder.weight"'),
        ({"cls_token": torch.zeros(1, 1, 3)}, "size mismatch for cls_token"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    weights: Path, tmp_path: Path, change: dict[str, Tensor | None], message: str
) -> None:
    state = load_file(weights / "model.safetensors") | change
    kept = {name: value for name, value in state.items() if value is not None}
    save_file(kept, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((weights / "config.json").read_text())
    with pytest.raises(UserError, match=rf"don't fit {ARCHITECTURE}: {message}"):
        AudioMAE(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"w\.safetensors can't be read"):
        AudioMAE(tmp_path / "w.safetensors")


def test_an_unknown_front_end_is_named(weights: Path) -> None:
    with pytest.raises(UserError, match="front_end is 'mp3'; accepted: audiomae, av_cil"):
        AudioMAE(weights, "mp3")
