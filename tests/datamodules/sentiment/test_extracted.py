"""The data module of extracted clips, over stores made as the command makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import datamodules
from datamodules.sentiment.extracted import ExtractedFeatures
from datamodules.store.clip import Clip
from feature_makers.extract.assemble import assemble, write_config
from feature_makers.extract.engine import FeatureCache
from feature_makers.extract.labels import LabelledUtterance
from snn_mm.errors import UserError

CLIPS = {"a": ("train", 3), "b": ("train", 5), "c": ("val", 2), "d": ("test", 1)}


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Return a root with extracted sound and texts of four clips."""
    cache, rng = FeatureCache(tmp_path / "extracted" / "toy"), np.random.default_rng(0)
    rows = []
    for name, (part, length) in CLIPS.items():
        cache.put("audio", name, "key", rng.normal(50, 9, (length, 4)).astype(np.float32))
        cache.put("text", name, "key", rng.normal(0, 1, (length + 1, 6)).astype(np.float32))
        rows.append(
            LabelledUtterance(Clip(name, 0, part, tmp_path, tmp_path), "", 0.5, {"audio": -0.5})
        )
    assemble(tmp_path / "prepared" / "toy", rows, cache, ["text", "audio"], {})
    return str(tmp_path)


def test_it_says_what_was_extracted(root: str) -> None:
    data = ExtractedFeatures(root, "toy")
    assert data.modalities == ("text", "audio")
    assert data.feature_dims == {"text": 6, "audio": 4}
    assert data.max_lengths == {"text": 6, "audio": 5}
    assert data.labelled_modalities == ("audio",)
    assert datamodules.ExtractedFeatures is ExtractedFeatures


def test_a_batch_holds_the_features_of_the_clips(root: str) -> None:
    data = ExtractedFeatures(root, "toy", standardise=False)
    data.setup("fit")
    (batch,) = data.train_dataloader()
    cache = FeatureCache(Path(root) / "extracted" / "toy")
    for row, name in enumerate(batch["id"]):
        length = CLIPS[name][1]
        assert batch["lengths"]["audio"][row] == length
        audio = batch["inputs"]["audio"][row]
        np.testing.assert_array_equal(audio[:length], cache.read("audio", name))
        assert not audio[length:].any()
    assert batch["target"].tolist() == [0.5, 0.5]
    assert batch["unimodal_target"]["audio"].tolist() == [-0.5, -0.5]


def test_features_are_standardised_by_the_training_steps(root: str) -> None:
    data = ExtractedFeatures(root, "toy")
    train = data.load_split("train")
    steps = np.concatenate([train.sequence("audio", row) for row in range(2)])
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-5)
    raw = ExtractedFeatures(root, "toy", standardise=False)
    assert data.fingerprint() != raw.fingerprint()


def test_what_was_not_extracted_says_how(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="snnmm extract --clips DIR --labels FILE --name mine"):
        ExtractedFeatures(str(tmp_path), "mine")


def test_the_config_fits_a_model_to_the_features(root: str, tmp_path: Path) -> None:
    data = ExtractedFeatures(root, "toy")
    write_config(tmp_path / "config.yaml", data.store, Path(root), "toy")
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    model, made = config["model"]["init_args"], config["data"]
    assert model["modalities"] == ["text", "audio"]
    assert model["feature_dims"] == data.feature_dims
    assert model["max_lengths"] == data.max_lengths
    assert model["labels"] == "multimodal"  # the text has no score of its own
    assert getattr(datamodules, made["class_path"])(**made["init_args"]).store.fingerprint
