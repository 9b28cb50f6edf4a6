"""CMU-MOSEI from files in the distributed layout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from datamodules import Mosei
from snn_mm.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "feature_files"))
from feature_data import make_aligned_content, save


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
