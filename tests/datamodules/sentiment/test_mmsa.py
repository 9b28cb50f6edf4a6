"""CH-SIMS, CMU-MOSI and CMU-MOSEI from files in the distributed layout."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import CHSims, CHSimsV2, Mosei, Mosi
from datamodules.base import LoaderOptions
from snn_mm.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "feature_files"))
from feature_data import make_aligned_content, make_content, save

Content = dict[str, Any]


@pytest.fixture
def content() -> Content:
    return make_content()


@pytest.fixture
def root(tmp_path: Path, content: Content) -> Path:
    """A folder with the file of CH-SIMS v2."""
    save(content, tmp_path / "ch-simsv2s.pkl")
    return tmp_path


def test_dimensions_lengths_and_labels_are_those_of_the_file(root: Path, content: Content) -> None:
    data = CHSimsV2(str(root), loader=LoaderOptions(batch_size=3))
    data.setup("fit")
    assert data.feature_dims == {"text": 6, "audio": 3, "visual": 4}
    assert data.max_lengths == {"text": 5, "audio": 9, "visual": 7}
    assert data.labelled_modalities == ("text", "audio", "visual")
    batch = next(iter(data.val_dataloader()))
    part = content["valid"]
    assert batch["id"] == part["id"][:3]
    assert batch["lengths"]["visual"].tolist() == part["vision_lengths"][:3].tolist()
    for row, length in enumerate(part["vision_lengths"][:3]):
        kept = torch.from_numpy(part["vision"][row, :length]).float()
        torch.testing.assert_close(batch["inputs"]["visual"][row, :length], kept)
    for target, key in ((batch["target"], "M"), (batch["unimodal_target"]["audio"], "A")):
        labels = part["regression_labels" if key == "M" else "regression_labels_A"][:3]
        torch.testing.assert_close(target, torch.from_numpy(labels).float())


def test_standardised_steps_have_mean_zero_and_deviation_one(root: Path) -> None:
    split = CHSimsV2(str(root), standardise=True).split("train")
    steps = np.concatenate([split[row].inputs["audio"].numpy() for row in range(len(split))])
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-6)


def test_the_fingerprint_follows_content_and_options(root: Path, content: Content) -> None:
    first = CHSimsV2(str(root)).fingerprint()
    assert CHSimsV2(str(root)).fingerprint() == first
    assert CHSimsV2(str(root), standardise=True).fingerprint() != first
    content["test"]["audio"] += 1
    save(content, root / "ch-simsv2s.pkl")
    assert CHSimsV2(str(root)).fingerprint() != first


def test_a_pickled_split_maps_its_arrays_anew(root: Path) -> None:
    split = CHSimsV2(str(root), standardise=True).split("train")
    assert len(pickle.dumps(split)) < 1000
    again = copy.deepcopy(split)  # made by the methods that unpickling calls
    assert torch.equal(again[3].inputs["audio"], split[3].inputs["audio"])
    assert isinstance(again.arrays["text"], np.memmap)


def test_a_prepared_store_needs_the_file_no_more(root: Path) -> None:
    CHSimsV2(str(root)).prepare_data()
    (root / "ch-simsv2s.pkl").unlink()
    assert len(CHSimsV2(str(root)).split("test")) == 3


def test_features_without_labels_by_modality_say_so(tmp_path: Path, content: Content) -> None:
    for split in ("train", "valid", "test"):
        for key in "TAV":
            del content[split][f"regression_labels_{key}"]
    save(content, tmp_path / "SIMS" / "Processed" / "unaligned_39.pkl")
    with pytest.warns(UserWarning, match="is not the published file"):
        batch = next(iter(CHSims(str(tmp_path)).test_dataloader()))
    data = CHSims(str(tmp_path))
    data.prepare_data()
    assert data.labelled_modalities == ()
    assert "unimodal_target" not in batch


def test_what_was_replaced_is_told_once(root: Path, content: Content) -> None:
    content["valid"]["audio"][2, 0, 0] = -np.inf
    save(content, root / "own.pkl")
    with pytest.warns(UserWarning, match=r"own.pkl: val/audio: 1 NaN or infinite values became 0"):
        CHSimsV2(str(root), file="own.pkl").prepare_data()


def test_a_missing_file_is_named_with_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ch-simsv2s.pkl is missing: the features of CH-SIMS v2 "):
        CHSimsV2(str(tmp_path)).prepare_data()


def test_both_files_lie_side_by_side(tmp_path: Path) -> None:
    save(make_aligned_content(), tmp_path / "aligned_50.pkl")
    unaligned = tmp_path / "MOSI" / "Processed" / "unaligned_50.pkl"
    save(make_content(), unaligned)
    with pytest.warns(UserWarning, match="is not the published file"):
        aligned = Mosi(str(tmp_path)).max_lengths
    with pytest.warns(UserWarning, match="is not the published file"):
        longer = Mosi(str(tmp_path), alignment="unaligned").max_lengths
    assert aligned == {"text": 5, "audio": 5, "visual": 5}
    assert longer == {"text": 5, "audio": 9, "visual": 7}
    with pytest.raises(UserError, match=r"unaligned_50.pkl is not the published file"):
        Mosi(str(tmp_path), alignment="unaligned", verify=True).prepare_data()


def test_another_alignment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alignment is 'both'; accepted: aligned, unaligned"):
        Mosi(str(tmp_path), alignment="both")  # type: ignore[arg-type]


def test_no_modality_has_labels_of_its_own(tmp_path: Path) -> None:
    save(make_aligned_content(), tmp_path / "own.pkl")
    data = Mosei(str(tmp_path), file="own.pkl")
    batch = next(iter(data.test_dataloader()))
    assert data.labelled_modalities == ()
    assert "unimodal_target" not in batch
    assert batch["target"].shape == (3,)


def test_a_missing_file_is_named_as_it_is_distributed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"MOSEI/Processed/aligned_50.pkl is missing.*CMU-MOSEI"):
        Mosei(str(tmp_path)).prepare_data()
